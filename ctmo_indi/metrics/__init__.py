"""What Prometheus may ask of each service: ``GET /metrics`` on its front desk's port.

Nothing is counted here that a service knows already: the numbers are read from its own Status reply
when they are asked for. Tables say which: ``of_scheduler``, ``of_telescope``, ``of_safety``,
``of_preprocessor`` and, for every service, ``of_process``.
"""
