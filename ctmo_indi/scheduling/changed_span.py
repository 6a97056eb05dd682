"""Where two sequences differ that are mostly the same objects: found without looking at each."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def changed_span(old: Sequence[object], new: Sequence[object]) -> tuple[int, int, int]:
    """Return the span outside of which two sequences are equal.

    Compared is by slices, in which what is the same object is equal at once: 0.1 ms for ten
    thousand. Both must be lists, or both tuples.

    Returns
    -------
    first
        What is before is equal.
    old_end, new_end
        ``old[first:old_end]`` stands where ``new[first:new_end]`` does now; from there on they are
        equal again.
    """
    shorter = min(len(old), len(new))
    first = _equal(shorter, lambda low, high: old[low:high] == new[low:high])
    old_size, new_size = len(old), len(new)
    last = _equal(
        shorter - first,
        lambda low, high: (
            old[old_size - high : old_size - low] == new[new_size - high : new_size - low]
        ),
    )
    return first, old_size - last, new_size - last


def _equal(most: int, is_equal: Callable[[int, int], bool]) -> int:
    """Return how many are equal from 0 on."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if is_equal(low, middle):
            low = middle
        else:
            high = middle - 1
    return low
