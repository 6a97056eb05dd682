"""The observatory as a Tango device server, for control rooms that speak Tango.

A process of its own (``ctmo-indi serve tango``) over the services' front desks: it sends Work
Orders and reads Status and Events, as any other client. It imports neither PyIndi nor a database,
holds nothing that is not also at a desk, and its death harms nobody.

::

    tables          what there is: spec.py (the kinds of rows), mount_device.py and its like
    meaning         state_table.py (DevState), readings.py (value, quality), refusals.py (DevFailed)
    outward         desk_watch.py (what the services say), desk_calls.py (what they are asked)
    Tango           device_classes.py (classes out of the tables), server.py (the process)

Only ``device_classes.py``, ``server.py`` and ``database.py`` import pytango.
"""
