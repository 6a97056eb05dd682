"""Safety: the only judge, and the first closer.

A process of its own with a transport of its own. Its loop is a plain thread once a second, its desk
another thread; it never waits for the scheduler, the telescope, a disk or a network. It never opens
anything.
"""
