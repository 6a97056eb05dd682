"""Fakes for tests, also for people who write drivers; never imported at run time."""
