"""Talk to a front desk: submit, status, events, wait. Services use it among themselves."""

from ctmo_indi.desk_client.client import DeskClient, DeskFault, StillWaiting

__all__ = ["DeskClient", "DeskFault", "StillWaiting"]
