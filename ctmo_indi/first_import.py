"""Threads import large packages one after the other.

Python locks each module by itself. Two threads that enter a circle of imports at different places
(numpy, astropy) would wait for each other for ever; Python sees that and lets one go on with a
module that is half there. That import fails, and a C extension cannot be loaded again: the
process answers, and can do nothing until it ends (``importlib._bootstrap._ModuleLock`` is the
place). Whatever a service imports when it is first needed, it imports under this lock.
"""

from __future__ import annotations

import threading

FIRST_IMPORT = threading.RLock()
"""Held around an import in a function; it waits for imports only, so it needs no deadline."""
