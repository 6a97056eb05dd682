"""The Scheduler CSC, from the outside in.

``service`` and ``engine`` wire; ``desk_handlers`` is its front desk; ``component`` has states,
commands and start-up; ``modes`` choose targets; ``blocks`` put them on the script queue; ``orders``
keep what was asked for and what was observed.
"""
