"""Scheduling algorithms behind Rubin's Driver API; no I/O but snapshots."""
