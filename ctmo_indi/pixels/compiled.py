"""How every pixel kernel is compiled: once, kept on disk, without the GIL, without fast-math.

No fast-math, and no contraction where a kernel does not say so itself: the same input gives the
same bits on every machine, and NaN stays NaN. Kernels run over pixels in the innermost loop, where
LLVM vectorises without being allowed to reorder sums.

The machine code is kept beside the module, or where ``NUMBA_CACHE_DIR`` points to when the
installation is read-only (the services set it to a folder in the data folder's ``cache/numba``).
Importing this module imports numba, which takes about a second and 115 MB: only processes that
crunch pixels or plan nights do so.

numba sees that the text of a module of kernels was changed, not that one whose kernels it calls
was: whoever edits such a one removes the ``*.nb?`` beside the modules that call it. The services'
folder has the digest of all kernels' sources in its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


def compiled(function: Callable[_Arguments, _Answer]) -> Callable[_Arguments, _Answer]:
    """Compile a kernel at its first call for each combination of argument types."""
    kernel = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return cast(Callable[_Arguments, _Answer], kernel)  # numba has no types
