"""Frozen values that cross threads and processes, and pure computation. No I/O."""
