"""Typed roles on INDI devices, the interlock table, opening and closing.

A role (:class:`~ctmo_indi.devices.mount.Mount`, ``Dome``, ``Camera`` ...) knows what an observatory
wants; a device file of ``devices/`` knows how one INDI driver is asked for it. Outside of this
package positions are ICRS degrees; apparent-of-date hours exist only where a property is written.
"""
