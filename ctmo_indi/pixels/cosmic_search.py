"""The steps of :mod:`ctmo_indi.pixels.cosmic`: kernels over an image and lists of its pixels.

A state plane (uint8) holds what is known of each pixel. After the first iteration only blocks near
a changed pixel are looked at again: everything a decision depends on lies within 8 pixels.

Each kernel that takes long to compile is called by one other only, as each caller compiles it anew.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.pixels.cosmic_kernels import (
    BORDER,
    contrast,
    local_level,
    significance,
    suspects_of_row,
)

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]

RAY, EXCLUDED, SEEN = 1, 2, 4  # RAY is 1: the bit alone is a bool

BLOCK = 8
"""Side of the blocks of pixels that are looked at again; not less than the 8 pixels of above."""


@compiled
def pushed(indices: I64, count: int, index: int) -> I64:
    """Return the list with one more, in a larger array when it is full."""
    if count == indices.size:
        larger = np.empty(2 * count, np.int64)
        for k in range(count):  # an assignment of slices takes a second to compile
            larger[k] = indices[k]
        indices = larger
    indices[count] = index
    return indices


@compiled
def positions(marked: U8, first: int, last: int, columns: I64) -> int:
    """Write where ``marked`` is not 0 in [first, last), and return how many there are.

    Apart from what is done there: a loop over all pixels must call nothing that takes an array,
    or the reference counts of the array cost more than the loop.
    """
    count = 0
    for x in range(first, last):
        if marked[x]:
            columns[count] = x
            count += 1
    return count


@compiled
def suspects(
    image: F32, state: U8, dirty: U8, sigclip: np.float32, read_noise_squared: np.float32
) -> tuple[I64, int]:
    """Return the pixels (flat indices) of the dirty blocks that may be significant."""
    ny, nx = image.shape
    found, count = np.empty(1024, np.int64), 0
    least, suspect = np.empty(nx, np.float32), np.zeros(nx, np.uint8)
    columns = np.empty(nx, np.int64)
    for block_y in range(dirty.shape[0]):
        block_x = 0
        while block_x < dirty.shape[1]:
            if not dirty[block_y, block_x]:
                block_x += 1
                continue
            begin = block_x
            while block_x < dirty.shape[1] and dirty[block_y, block_x]:
                block_x += 1
            first, last = max(BORDER, begin * BLOCK), min(nx - BORDER, block_x * BLOCK)
            for y in range(max(BORDER, block_y * BLOCK), min(ny - BORDER, (block_y + 1) * BLOCK)):
                suspects_of_row(image, y, first, last, sigclip, read_noise_squared, least, suspect)
                for k in range(positions(suspect, first, last, columns)):
                    if not state[y, columns[k]] & EXCLUDED:
                        found = pushed(found, count, y * nx + columns[k])
                        count += 1
    return found, count


@compiled
def significances(
    image: F32, pixels: I64, least: np.float32, read_noise_squared: np.float32, room: F32
) -> F32:
    """Return S' of pixels outside of the border, 0 for those that do not exceed ``least``."""
    nx = image.shape[1]
    above = np.zeros(pixels.size, np.float32)
    for k in range(pixels.size):
        above[k] = significance(
            image, pixels[k] // nx, pixels[k] % nx, least, read_noise_squared, room
        )
    return above


@compiled
def contrasts(image: F32, pixels: I64, read_noise_squared: np.float32, room: F32) -> F32:
    """Return the fine structure of pixels over their noise."""
    nx = image.shape[1]
    found = np.zeros(pixels.size, np.float32)
    for k in range(pixels.size):
        found[k] = contrast(image, pixels[k] // nx, pixels[k] % nx, read_noise_squared, room)
    return found


@compiled
def neighbours(state: U8, pixels: I64) -> tuple[I64, int]:
    """Return the pixels and those that touch them, each once, without what was returned before.

    Neither excluded ones nor those of the border. What is returned is marked SEEN.
    """
    ny, nx = state.shape
    found, count = np.empty(1024, np.int64), 0
    for k in range(pixels.size):
        y, x = pixels[k] // nx, pixels[k] % nx
        for v in range(max(BORDER, y - 1), min(ny - BORDER, y + 2)):
            for u in range(max(BORDER, x - 1), min(nx - BORDER, x + 2)):
                if not state[v, u] & (EXCLUDED | SEEN):
                    state[v, u] |= SEEN
                    found = pushed(found, count, v * nx + u)
                    count += 1
    return found, count


@compiled
def mean_around(image: F32, state: U8, y: int, x: int, background: np.float32) -> np.float32:
    """Return the mean of the good pixels of a 5 x 5 window; without any, ``background``."""
    ny, nx = image.shape
    total, count = np.float32(0.0), np.float32(0.0)
    for v in range(max(0, y - 2), min(ny, y + 3)):
        for u in range(max(0, x - 2), min(nx, x + 3)):
            if not state[v, u]:
                total += image[v, u]
                count += np.float32(1.0)
    return total / count if count > 0 else background


@compiled
def cleaned(
    image: F32, state: U8, dirty: U8, rays: I64, n_old: int, background: np.float32
) -> bool:
    """Replace all rays, and mark the blocks near every pixel that changed.

    Those after the first ``n_old`` are new and count as changed. Tells whether one became NaN: it
    has no good neighbours and the background is not known.
    """
    nx = image.shape[1]
    is_unknown = False
    for k in range(rays.size):
        y, x = rays[k] // nx, rays[k] % nx
        value = mean_around(image, state, y, x, background)
        if k < n_old and value == image[y, x]:
            continue
        image[y, x] = value
        is_unknown |= math.isnan(value)
        for block_y in range(max(0, y // BLOCK - 1), min(dirty.shape[0], y // BLOCK + 2)):
            for block_x in range(max(0, x // BLOCK - 1), min(dirty.shape[1], x // BLOCK + 2)):
                dirty[block_y, block_x] = 1
    return is_unknown


@compiled
def exclude_neighbours(mask: NDArray[np.bool_], state: U8) -> None:
    """Exclude masked pixels and, except at the edge of the image, what touches them."""
    ny, nx = mask.shape
    for y in range(ny):
        for x in range(nx):
            if not mask[y, x]:
                continue
            state[y, x] |= EXCLUDED
            for v in range(max(1, y - 1), min(ny - 1, y + 2)):
                for u in range(max(1, x - 1), min(nx - 1, x + 2)):
                    state[v, u] |= EXCLUDED


@compiled
def saturated_stars(image: F32, saturation: np.float32) -> tuple[I64, int]:
    """Return saturated pixels (flat indices) with a bright surrounding, grown by 4 pixels.

    Bright: the 7 x 7 median exceeds a tenth of the saturation; a saturated cosmic ray has not.
    """
    ny, nx = image.shape
    stars, count = np.empty(1024, np.int64), 0
    tenth = saturation / np.float32(10.0)
    bright, columns = np.empty(nx, np.uint8), np.empty(nx, np.int64)
    for y in range(ny):
        row = image[y]
        for x in range(nx):
            bright[x] = row[x] >= saturation
        for k in range(positions(bright, 0, nx, columns)):
            if local_level(image, y, columns[k]) > tenth:
                stars = pushed(stars, count, y * nx + columns[k])
                count += 1
    if not count:
        return stars, count
    marked = np.zeros((ny, nx), np.uint8)
    for k in range(count):
        marked[stars[k] // nx, stars[k] % nx] = 1
    begin = 0
    for _ in range(2):
        end = count
        for k in range(begin, end):
            y, x = stars[k] // nx, stars[k] % nx
            for v in range(max(2, y - 2), min(ny - 2, y + 3)):
                for u in range(max(2, x - 2), min(nx - 2, x + 3)):
                    if not marked[v, u] and abs(v - y) + abs(u - x) < 4:
                        marked[v, u] = 1
                        stars = pushed(stars, count, v * nx + u)
                        count += 1
        begin = end
    return stars, count
