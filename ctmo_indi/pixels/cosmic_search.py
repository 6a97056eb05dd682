"""The iterations of :mod:`ctmo_indi.pixels.cosmic`, as kernels over an image and a state plane.

The state plane (uint8) holds what is known of each pixel; :data:`RAY` and :data:`EXCLUDED` stay,
the rest belongs to one round. After the first round only pixels near a changed one are looked at
again: everything a decision depends on lies within 8 pixels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.pixels.cosmic_kernels import (
    BORDER,
    contrast,
    laplacian,
    local_level,
    noise,
    scratch,
    significance,
    suspects_of_row,
)

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
Limits = tuple[np.float32, np.float32, np.float32, np.float32]
"""sigclip, sigfrac * sigclip, objlim, square of the read noise."""

EXCLUDED, RAY = 1, 2
_KNOWN, _ABOVE_CLIP, _ABOVE_LOW, _CORE = 4, 8, 16, 32
_LASTING = EXCLUDED | RAY

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
def is_ray_seed(image: F32, y: int, x: int, limits: Limits, room: F32) -> bool:
    """Tell whether a pixel is significant, and sharper than a star."""
    sigclip, _, objlim, read_noise_squared = limits
    sigma = noise(local_level(image, y, x), read_noise_squared)
    if not laplacian(image, y, x) / (np.float32(2.0) * sigma) > sigclip:
        return False
    above = significance(image, y, x, read_noise_squared, room)
    return bool(above > sigclip and above / contrast(image, y, x, sigma, room) > objlim)


@compiled
def seeds(image: F32, state: U8, dirty: U8, limits: Limits) -> tuple[I64, int]:
    """Return the pixels (flat indices) that start a cosmic ray, in the dirty blocks."""
    ny, nx = image.shape
    found, count = np.empty(1024, np.int64), 0
    least, suspect, room = np.empty(nx, np.float32), np.zeros(nx, np.uint8), scratch()
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
                suspects_of_row(image, y, first, last, limits[0], limits[3], least, suspect)
                for k in range(positions(suspect, first, last, columns)):
                    x = columns[k]
                    if state[y, x] & EXCLUDED or not is_ray_seed(image, y, x, limits, room):
                        continue
                    found = pushed(found, count, y * nx + x)
                    count += 1
    return found, count


@compiled
def grown(
    image: F32,
    state: U8,
    found: I64,
    n_found: int,
    limits: Limits,
) -> tuple[I64, int]:
    """Grow seeds by 3 x 3 twice, and return the pixels that are new rays.

    First to neighbours above ``sigclip``, then from all of these to neighbours above the low limit.
    """
    ny, nx = image.shape
    sigclip, siglow, _, read_noise_squared = limits
    room = scratch()
    core, n_core = np.empty(1024, np.int64), 0
    seen, n_seen = np.empty(1024, np.int64), 0
    new, n_new = np.empty(1024, np.int64), 0
    for step in range(2):
        sources, n_sources = (found, n_found) if step == 0 else (core, n_core)
        wanted, done = (_ABOVE_CLIP, _CORE) if step == 0 else (_ABOVE_LOW, RAY)
        for k in range(n_sources):
            y, x = sources[k] // nx, sources[k] % nx
            for v in range(max(BORDER, y - 1), min(ny - BORDER, y + 2)):
                for u in range(max(BORDER, x - 1), min(nx - BORDER, x + 2)):
                    known = state[v, u]
                    if known & (EXCLUDED | done):
                        continue
                    if not known & _KNOWN:
                        above = significance(image, v, u, read_noise_squared, room)
                        known |= _KNOWN
                        known |= _ABOVE_CLIP if above > sigclip else 0
                        known |= _ABOVE_LOW if above > siglow else 0
                        seen = pushed(seen, n_seen, v * nx + u)
                        n_seen += 1
                    if known & wanted:
                        known |= done
                        if step == 0:
                            core = pushed(core, n_core, v * nx + u)
                            n_core += 1
                        else:
                            new = pushed(new, n_new, v * nx + u)
                            n_new += 1
                    state[v, u] = known
    for k in range(n_seen):
        state[seen[k] // nx, seen[k] % nx] &= _LASTING
    return new, n_new


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
    image: F32, state: U8, dirty: U8, rays: I64, n_rays: int, n_old: int, background: np.float32
) -> bool:
    """Replace all rays, and mark the blocks near every pixel that changed.

    The last ``n_rays - n_old`` are new and count as changed. Tells whether one became NaN: it has
    no good neighbours and the background is not known.
    """
    nx = image.shape[1]
    is_unknown = False
    for k in range(n_rays):
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
