"""Queue, current slot and history of scripts; the scripts themselves are in ``scripts``."""
