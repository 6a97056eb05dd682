"""The telescope service: executes attempts and control orders on the INDI devices.

``engine`` owns the state, ``steps`` says what an attempt does, ``desk_handlers`` what outsiders may
ask, ``safety_link`` hears the verdict. Only this service opens the observatory.
"""
