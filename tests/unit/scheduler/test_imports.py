"""The scheduler's desk is up before anything heavy is imported, and never loads INDI clients."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("astropy", "erfa", "numpy", "PyIndi", "indipyclient")


def test_importing_the_service_loads_nothing_heavy() -> None:
    code = f"import sys, ctmo_indi.scheduler.service; print(*(set(sys.modules) & set({HEAVY})))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == ""
