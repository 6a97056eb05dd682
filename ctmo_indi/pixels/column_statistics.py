"""Sort n samples of many pixels at once and sum them up, in the processor's vector registers.

The comparisons of :func:`ctmo_indi.pixels.sorting_network.odd_even_merge_sort` are written out as
straight code for one number of samples: n vectors of samples are loaded, compared with each other
by vector minimum and maximum, and stored; LLVM assigns the registers. The sums are formed while the
samples are there. This code is made once for each n and each type of sample (0.5 s for 20, about
2 s for 100) and kept in numba's cache.

numba has no way to write this in Python (its vectoriser gives up on so many rows that may overlap),
hence the LLVM instructions through ``numba.extending.intrinsic``, its public way for that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any  # numba's and LLVM's own objects have no types

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.pixels.sorting_network import odd_even_merge_sort

LANES = 32
"""A row of samples holds a multiple of this number of pixels."""

_STEP_BYTES = 64
"""Of one row in one step: 32 pixels of 16 bit, 16 of float32."""

_PREFETCH, _FOR_READING, _SECOND_LEVEL, _DATA = "llvm.prefetch.p0", 0, 2, 1
"""LLVM's way to ask for memory early; its arguments."""

LEAST, LOWER, UPPER, MOST, NEAR, FAR, TOTAL, SQUARES = range(8)
"""Rows of what :func:`column_statistics` finds."""

N_STATISTICS = 8

Samples = NDArray[np.uint16] | NDArray[np.float32]


@compiled
def column_statistics(
    samples: Samples,
    frames: tuple[int, ...],
    width: int,
    found: NDArray[np.float32],
    ahead: Samples,
) -> None:
    """Sort each of the first ``width`` columns in ascending order, in place, and describe it.

    Parameters
    ----------
    samples : uint16 or float32, shape (n, at least width), C order
        No NaN among them; 2 <= n.
    frames : tuple of n integers
        Only its length counts: it makes n known to the compiler.
    width
        A multiple of :data:`LANES`.
    found : float32, shape (N_STATISTICS, at least width), C order
        Filled in, for each column:

        ======= ====================================================================================
        LEAST   smallest sample
        LOWER   lower of the two middle samples; the middle one if n is odd
        UPPER   upper of the two; the same if n is odd
        MOST    largest sample
        NEAR    the h-th smallest distance to the nearer of LOWER and UPPER, h = n // 2, the middle
                samples themselves not counted once each if n is odd
        FAR     the next larger distance
        TOTAL   sum of sample - LOWER
        SQUARES sum of (sample - LOWER)^2
        ======= ====================================================================================
    ahead : dtype of ``samples``, shape (n, any)
        What will be looked at next: fetched from memory meanwhile, and not otherwise touched.

    Notes
    -----
    The distances below LOWER and above UPPER are two sorted lists of h values. Pairing the ranks of
    one with those of the other in reverse, the smaller values of the pairs are together the
    smallest h of all, the larger values the largest h (Batcher's bitonic merge); NEAR is the
    largest of the former, FAR the smallest of the latter. The median absolute deviation is NEAR for
    odd n and (UPPER - LOWER + NEAR + FAR) / 2 for even n.
    """
    step = _STEP_BYTES // samples.itemsize
    fetched = ahead.shape[1] if ahead.size else 0
    for first in range(0, width, step):
        _describe_lanes(samples, frames, first, found)
        if first < fetched:
            _fetch_lanes(ahead, frames, first)


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def _describe_lanes(_typing: Any, samples: Any, frames: Any, first: Any, found: Any) -> Any:
    """Do the columns of one step from ``first`` on; see :func:`column_statistics`."""
    is_integer = isinstance(samples.dtype, types.Integer)
    count, lanes = len(frames), 8 * _STEP_BYTES // samples.dtype.bitwidth

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        step = _Instructions(builder, is_integer, lanes)
        places = _rows(context, builder, samples, arguments[0], arguments[2], (count, lanes))
        rows = [builder.load(place, align=samples.dtype.bitwidth // 8) for place in places]
        for i, j in odd_even_merge_sort(count):
            rows[i], rows[j] = step.ordered(rows[i], rows[j])
        for place, row in zip(places, rows, strict=True):
            builder.store(row, place, align=samples.dtype.bitwidth // 8)
        statistics = _statistics(step, rows)
        shape = (N_STATISTICS, lanes)
        results = _rows(context, builder, found, arguments[3], arguments[2], shape)
        for place, row in zip(results, statistics, strict=True):
            builder.store(row, place, align=4)
        return context.get_dummy_value()

    return types.void(samples, frames, first, found), generate


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def _fetch_lanes(_typing: Any, ahead: Any, frames: Any, first: Any) -> Any:
    """Ask for the line of the second-level cache that has column ``first``, of each row."""
    count = len(frames)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        number = ir.IntType(32)
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        fetch = builder.module.globals.get(_PREFETCH)
        if fetch is None:
            fetch = ir.Function(builder.module, kind, _PREFETCH)
        for place in _rows(context, builder, ahead, arguments[0], arguments[2], (count, 1)):
            how = (number(_FOR_READING), number(_SECOND_LEVEL), number(_DATA))
            builder.call(fetch, [builder.bitcast(place, byte), *how])
        return context.get_dummy_value()

    return types.void(ahead, frames, first), generate


def _statistics(step: _Instructions, rows: list[Any]) -> list[Any]:
    """Return the vectors of the rows LEAST to SQUARES of sorted rows."""
    count = len(rows)
    half = count // 2
    lower, upper = rows[(count - 1) // 2], rows[half]
    near = far = None
    build = step.builder
    nothing = ir.Constant(ir.VectorType(ir.FloatType(), step.lanes), [0.0] * step.lanes)
    sum_below = sum_above = squares = nothing
    for k in range(half):
        below = step.difference(lower, rows[k])
        above = step.difference(rows[k + count - half], upper)
        smaller, larger = step.ordered(below, above)
        near = smaller if near is None else step.ordered(near, smaller)[1]
        far = larger if far is None else step.ordered(far, larger)[0]
        for_below, for_above = step.as_float(below), step.as_float(above)
        sum_below = build.fadd(sum_below, for_below)
        sum_above = build.fadd(sum_above, for_above)
        squares = step.fused(for_below, for_below, squares)
        squares = step.fused(for_above, for_above, squares)
    # The sums above are about UPPER; those about LOWER are wanted.
    gap = step.as_float(step.difference(upper, lower))
    shift = build.fmul(ir.Constant(nothing.type, [float(half)] * step.lanes), gap)
    total = build.fadd(build.fsub(sum_above, sum_below), shift)
    twice = build.fadd(build.fadd(sum_above, sum_above), shift)
    squares = step.fused(gap, twice, squares)
    firsts = [step.as_float(row) for row in (rows[0], lower, upper, rows[-1], near, far)]
    return [*firsts, total, squares]


def _rows(
    context: Any, builder: Any, array: Any, value: Any, first: Any, shape: tuple[int, int]
) -> list[Any]:
    """Return where the vectors of so many rows and lanes are, from column ``first`` on."""
    count, lanes = shape
    parts = context.make_array(array)(context, builder, value)
    stride = builder.extract_value(parts.strides, 0)
    vector = ir.VectorType(context.get_data_type(array.dtype), lanes)
    start = builder.bitcast(builder.gep(parts.data, [first]), ir.IntType(8).as_pointer())
    return [
        builder.bitcast(
            builder.gep(start, [builder.mul(stride, ir.Constant(stride.type, row))]),
            vector.as_pointer(),
        )
        for row in range(count)
    ]


class _Instructions:
    """The few operations that differ between integer and float samples."""

    def __init__(self, builder: Any, is_integer: bool, lanes: int) -> None:
        self.builder = builder
        self.lanes = lanes
        self.difference: Callable[[Any, Any], Any] = builder.sub if is_integer else builder.fsub
        self._is_integer = is_integer

    def ordered(self, one: Any, other: Any) -> tuple[Any, Any]:
        """Return minimum and maximum."""
        compare = self.builder.icmp_unsigned if self._is_integer else self.builder.fcmp_ordered
        is_ordered = compare("<", one, other)
        select = self.builder.select
        return select(is_ordered, one, other), select(is_ordered, other, one)

    def as_float(self, row: Any) -> Any:
        """Return float32, exact for 16 bits."""
        if not self._is_integer:
            return row
        return self.builder.uitofp(row, ir.VectorType(ir.FloatType(), self.lanes))

    def fused(self, one: Any, other: Any, added: Any) -> Any:
        """Return one * other + added of float32, rounded once on every machine."""
        name = f"llvm.fma.v{self.lanes}f32"
        fma = self.builder.module.globals.get(name)
        if fma is None:
            kind = ir.FunctionType(added.type, [added.type] * 3)
            fma = ir.Function(self.builder.module, kind, name)
        return self.builder.call(fma, [one, other, added])
