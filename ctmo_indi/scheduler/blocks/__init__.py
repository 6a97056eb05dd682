"""Observing blocks on the script queue: of targets, and by addBlock."""
