"""Run a small observatory unattended, on INDI devices."""

__version__ = "0.1.0.dev0"
