"""Images as whole numbers 0 to 65,535, so that all arithmetic on them is exact, and light as the camera meets it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countersign.errors import CountersignError
from countersign.stress.randomness import Floats, Integers

TOP = 65_535
BYTE = 257
FINE = 1 << 18
IMAGE_AXES = (2, 3)


def read_image(image: Any) -> Integers:
    """Return an image (height x width, or height x width x channels) as levels of shape h x w x c.

    Raises ``CountersignError`` (``bad_image``) for other shapes and types, and for numbers outside 0 to 1.
    """
    array = np.asarray(image)
    if array.ndim not in IMAGE_AXES or 0 in array.shape:
        raise CountersignError("bad_image", None, f"An image is height x width (x channels), not {array.shape}.")
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.dtype == np.uint8:
        return array.astype(np.int64) * BYTE
    if array.dtype == np.uint16:
        return array.astype(np.int64)
    if array.dtype.kind != "f":
        raise CountersignError("bad_image", None, f"An image is uint8, uint16 or floating point, not {array.dtype}.")
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
        raise CountersignError("bad_image", None, "A floating-point image holds finite numbers from 0 to 1.")
    return np.rint(array.astype(np.float64) * TOP).astype(np.int64)


def write_image(levels: Integers, like: Any) -> NDArray[Any]:
    """Return levels as an image of the shape and type of another."""
    array = np.asarray(like)
    shaped = levels.reshape(array.shape)
    if array.dtype == np.uint8:
        return to_bytes(shaped)
    if array.dtype == np.uint16:
        return shaped.astype(np.uint16)
    return (shaped / TOP).astype(array.dtype)


def to_bytes(levels: Integers) -> NDArray[np.uint8]:
    """Return levels as bytes, rounded."""
    return ((levels + BYTE // 2) // BYTE).astype(np.uint8)


def clip(values: Floats | Integers) -> Integers:
    """Return values as levels: rounded, and cut off at black and white as a sensor does."""
    return np.clip(np.rint(values), 0, TOP).astype(np.int64)


@cache
def _decode_table() -> Floats:
    """Level -> share of the light, by the sRGB curve (IEC 61966-2-1), on a grid of 2^-40."""
    share = np.arange(TOP + 1) / TOP
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.rint(light * 2.0**40) * 2.0**-40)


@cache
def _encode_table() -> Integers:
    """Share of the light in steps of 2^-18 -> level, the same curve backwards."""
    light = np.arange(FINE + 1) / FINE
    share = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return clip(share * TOP)


def to_light(levels: Integers) -> Floats:
    """Return the light (0 to 1) that gave these levels."""
    return _decode_table()[levels]


def from_light(light: Floats) -> Integers:
    """Return the levels that so much light gives."""
    return _encode_table()[np.clip(np.rint(light * FINE), 0, FINE).astype(np.int64)]


def blur(levels: Integers, kernel: Integers) -> Integers:
    """Return the image under a kernel of whole numbers that sum to 65,536, the edge repeated.

    By the fast Fourier transform in floating point. The sums are whole numbers below 2^32 and its error is far below
    one half, so rounding gives them exactly, on every platform.
    """
    tall, wide = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(levels, ((tall, tall), (wide, wide), (0, 0)), mode="edge").astype(np.float64)
    size = padded.shape[:2]
    spectrum = np.fft.rfft2(padded, axes=(0, 1)) * np.fft.rfft2(kernel, s=size)[:, :, np.newaxis]
    sums = np.rint(np.fft.irfft2(spectrum, s=size, axes=(0, 1))).astype(np.int64)
    valid = sums[2 * tall :, 2 * wide :]
    return (valid + (1 << 15)) >> 16


def make_kernel(counts: Integers) -> Integers:
    """Return counts as whole numbers that sum to 65,536; what rounding leaves goes to the middle."""
    kernel = counts * (1 << 16) // int(counts.sum())
    kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] += (1 << 16) - int(kernel.sum())
    return np.asarray(kernel)
