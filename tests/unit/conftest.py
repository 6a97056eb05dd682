"""How property tests run: the same examples each time, and no clock on a loaded machine.

``HYPOTHESIS_PROFILE=search`` looks further, with new examples each time.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
