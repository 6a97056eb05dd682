"""One module a script: observe, calibrations, park, stop_tracking."""
