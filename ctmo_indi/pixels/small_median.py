"""Medians of 5, 7 and 9 numbers without branches, for kernels that run across pixels.

Forgetful selection: neither the smallest nor the largest of the first (n + 3) / 2 numbers is the
median; forget both, take in the next number, and so on until three are left. That is 7, 13 and 20
comparisons for 5, 7 and 9 numbers. NaN is not handled: the answer is then any of the numbers.
"""

from __future__ import annotations

import numpy as np

from ctmo_indi.pixels.compiled import compiled

F32 = np.float32


@compiled
def median_of_5(a: F32, b: F32, c: F32, d: F32, e: F32) -> F32:
    """Return the middle one."""
    a, b = _middle_of_4(a, b, c, d)
    return _median_of_3(a, b, e)


@compiled
def median_of_7(a: F32, b: F32, c: F32, d: F32, e: F32, f: F32, g: F32) -> F32:
    """Return the middle one."""
    a, b, c = _middle_of_5(a, b, c, d, e)
    a, b = _middle_of_4(a, b, c, f)
    return _median_of_3(a, b, g)


@compiled
def median_of_9(a: F32, b: F32, c: F32, d: F32, e: F32, f: F32, g: F32, h: F32, i: F32) -> F32:
    """Return the middle one."""
    a, b, c, d = _middle_of_6(a, b, c, d, e, f)
    a, b, c = _middle_of_5(a, b, c, d, g)
    a, b = _middle_of_4(a, b, c, h)
    return _median_of_3(a, b, i)


@compiled
def _in_order(a: F32, b: F32) -> tuple[F32, F32]:
    return (a if a < b else b), (a if a > b else b)


@compiled
def _median_of_3(a: F32, b: F32, c: F32) -> F32:
    low, high = _in_order(a, b)
    rest = c if c < high else high
    return low if low > rest else rest


@compiled
def _middle_of_4(a: F32, b: F32, c: F32, d: F32) -> tuple[F32, F32]:
    a, b = _in_order(a, b)
    c, d = _in_order(c, d)
    return (a if a > c else c), (b if b < d else d)


@compiled
def _middle_of_5(a: F32, b: F32, c: F32, d: F32, e: F32) -> tuple[F32, F32, F32]:
    a, b = _in_order(a, b)
    c, d = _in_order(c, d)
    a, c = _in_order(a, c)
    b, d = _in_order(b, d)
    e = a if a > e else e
    e = d if d < e else e
    return b, c, e


@compiled
def _middle_of_6(a: F32, b: F32, c: F32, d: F32, e: F32, f: F32) -> tuple[F32, F32, F32, F32]:
    a, b = _in_order(a, b)
    c, d = _in_order(c, d)
    e, f = _in_order(e, f)
    a, c = _in_order(a, c)
    b, d = _in_order(b, d)
    return c, b, (a if a > e else e), (d if d < f else f)
