"""Arrays as JSON values: base64 of little-endian bytes, with dtype and shape.

What a driver remembers of 49,152 fields has to be saved in milliseconds; lists of numbers would
take a hundred times as long.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def packed(array: NDArray[Any]) -> dict[str, object]:  # Any: whatever numbers it holds
    """Return an array as a JSON value; equal arrays give equal values."""
    plain = np.ascontiguousarray(array)
    little = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
    return {
        "dtype": little.dtype.str,
        "shape": list(little.shape),
        "base64": base64.b64encode(little.data).decode("ascii") if little.size else "",
    }


def unpacked(value: object, dtype: str, dimensions: int = 1) -> NDArray[Any]:
    """Return the array that :func:`packed` was given; a copy of its own.

    Raises
    ------
    KeyError, TypeError, ValueError
        It is no such value, or of another kind of numbers.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"came {type(value).__name__}, expected an array's dtype, shape, base64")
    shape, code, body = value["shape"], value["dtype"], value["base64"]
    if code != dtype:
        raise ValueError(f"came an array of {code!r}, expected {dtype!r}")
    if (
        not isinstance(shape, list)
        or len(shape) != dimensions
        or not all(isinstance(one, int) and one >= 0 for one in shape)
        or not isinstance(body, str)
    ):
        raise TypeError(f"came an array of the shape {shape!r}, expected {dimensions} dimensions")
    flat = np.frombuffer(base64.b64decode(body, validate=True), dtype=dtype)
    return flat.reshape(shape).astype(np.dtype(dtype).newbyteorder("="))
