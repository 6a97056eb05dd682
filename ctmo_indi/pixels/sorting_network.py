"""Sorting networks: which pairs to compare, the same for every pixel.

A network compares fixed pairs, whatever the values, so a kernel can run each comparison over many
pixels at once with the processor's vector minimum and maximum.

Source: K. E. Batcher, "Sorting networks and their applications", AFIPS Spring Joint Computer
Conference 32 (1968), the odd-even merge sort; Knuth, TAOCP vol. 3, section 5.3.4.
"""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=256)
def odd_even_merge_sort(count: int) -> tuple[tuple[int, int], ...]:
    """Return the comparisons (i, j), i < j, that sort ``count`` values in ascending order.

    A comparison leaves the smaller value at i and the larger one at j. The network is that of the
    next power of two without the wires above ``count``: values there would be +infinity and never
    move. 20 values take 103 comparisons, 60 take 506, 100 take 1104.
    """
    if count < 1:
        raise ValueError(f"{count} values to sort, expected at least 1")
    size = 1 << (count - 1).bit_length()
    found: list[tuple[int, int]] = []
    length = 1
    while length < size:
        step = length
        while step >= 1:
            for start in range(step % length, size - step, 2 * step):
                for low in range(start, start + step):
                    high = low + step
                    if low // (2 * length) == high // (2 * length) and high < count:
                        found.append((low, high))
            step //= 2
        length *= 2
    return tuple(found)
