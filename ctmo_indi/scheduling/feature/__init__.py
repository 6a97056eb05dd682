"""Rubin's feature based scheduling, in our own code, over targets and fields instead of pixels."""
