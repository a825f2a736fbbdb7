"""What a camera does to an image: noise of its sensor, blur of its optics and motion, fewer pixels, compression, and
lines and pixels that are gone.

Lengths are given for an image whose shorter side has 224 pixels, as in ImageNet-C, and scale with it.
"""

from __future__ import annotations

import math
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np

from countersign.errors import CountersignError
from countersign.stress.catalogue import AFTER_IMAGENET_C, IMAGENET_C, register
from countersign.stress.levels import BYTE, TOP, blur, clip, make_kernel, to_bytes
from countersign.stress.randomness import Floats, Integers, Stream

REFERENCE_SIDE = 224
STEPS = 255
ANGLES = 16
FINE_STEPS = 8
NAMES_OF_CHANNELS = {1: "L", 3: "RGB"}


def scale(length: float, levels: Integers) -> float:
    """Return a length for an image of 224 pixels in pixels of this one."""
    return float(length * min(levels.shape[:2]) / REFERENCE_SIDE)


@register(
    "gaussian_noise", "image", "Noise of a camera in little light", "standard deviation, 1 = white",
    (0.08, 0.12, 0.18, 0.26, 0.38), source=IMAGENET_C,
)  # fmt: skip
def add_gaussian_noise(levels: Integers, sigma: float, stream: Stream, options: Any) -> Integers:
    """Normal noise is added to every pixel and channel."""
    return clip(levels + sigma * TOP * stream.normal(*levels.shape))


@cache
def _poisson_table(mean: float) -> Floats:
    """The distribution function of a Poisson number, on a grid of 2^-40."""
    term = math.exp(-mean)
    total, sums = term, [term]
    while total < 1 - 2.0**-40 and len(sums) < 1_000:
        term *= mean / len(sums)
        total += term
        sums.append(total)
    return np.rint(np.array(sums) * 2.0**40) * 2.0**-40


@register(
    "shot_noise", "image", "Noise of single photons", "photons that make white",
    (60, 25, 12, 5, 3), source=IMAGENET_C,
)  # fmt: skip
def add_shot_noise(levels: Integers, photons: float, stream: Stream, options: Any) -> Integers:
    """Every pixel becomes a Poisson number of photons with its brightness (in 256 steps) as the mean."""
    steps = (levels * STEPS + TOP // 2) // TOP
    drawn = stream.uniform(*levels.shape)
    counts = np.zeros(levels.shape, dtype=np.int64)
    for step in np.unique(steps):
        where = steps == step
        counts[where] = np.searchsorted(_poisson_table(int(step) / STEPS * photons), drawn[where], side="right")
    return clip(counts / photons * TOP)


@register(
    "impulse_noise", "image", "Salt and pepper", "share of pixels",
    (0.03, 0.06, 0.09, 0.17, 0.27), source=IMAGENET_C,
)  # fmt: skip
def add_impulse_noise(levels: Integers, share: float, stream: Stream, options: Any) -> Integers:
    """A share of the values becomes black or white, each with one chance in two."""
    drawn = stream.uniform(*levels.shape)
    return np.where(drawn < share / 2, 0, np.where(drawn < share, TOP, levels))


@register(
    "defocus_blur", "image", "Out of focus", "radius in pixels of 224",
    (3, 4, 6, 8, 10), source=IMAGENET_C,
)  # fmt: skip
def defocus(levels: Integers, radius: float, stream: Stream, options: Any) -> Integers:
    """Every point becomes an evenly bright disk."""
    return blur(levels, _disk(scale(radius, levels)))


@cache
def _disk(radius: float) -> Integers:
    """A disk, each of its pixels weighted by how many of 64 points lie within."""
    reach = math.ceil(radius)
    points = (np.arange((2 * reach + 1) * FINE_STEPS) + 0.5) / FINE_STEPS - reach - 0.5
    inside = (points[:, np.newaxis] ** 2 + points**2 <= max(radius, 0.05) ** 2 + 1e-9).astype(np.int64)
    side = 2 * reach + 1
    counts = inside.reshape(side, FINE_STEPS, side, FINE_STEPS).sum(axis=(1, 3))
    if not counts.sum():
        counts[reach, reach] = 1
    return make_kernel(counts)


@register(
    "motion_blur", "image", "Moved while exposed", "length of the movement in pixels of 224",
    (6, 10, 16, 22, 30), source=AFTER_IMAGENET_C,
)  # fmt: skip
def blur_by_motion(levels: Integers, length: float, stream: Stream, options: Any) -> Integers:
    """Every point becomes a line in one of 16 directions; the direction differs from image to image."""
    return blur(levels, _line(scale(length, levels), stream.integer(ANGLES)))


@cache
def _line(length: float, direction: int) -> Integers:
    angle = math.pi * direction / ANGLES
    down, right = round(math.sin(angle), 12), round(math.cos(angle), 12)
    reach = math.ceil(length / 2)
    counts = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.int64)
    points = max(1, math.ceil(length * 16)) | 1
    for number in range(points):
        place = (number / (points - 1) - 0.5) * length if points > 1 else 0.0
        counts[reach + round(place * down), reach + round(place * right)] += 1
    return make_kernel(counts)


@register(
    "low_resolution", "image", "Fewer pixels", "share of the pixels per side that is left",
    (0.6, 0.5, 0.4, 0.3, 0.25), source=IMAGENET_C,
)  # fmt: skip
def lower_resolution(levels: Integers, share: float, stream: Stream, options: Any) -> Integers:
    """The image is averaged over blocks, and each block shown as one even patch."""
    for axis in (0, 1):
        size = levels.shape[axis]
        blocks = max(1, int(size * share + 0.5))
        starts = np.arange(blocks) * size // blocks
        widths = np.diff(np.append(starts, size))
        shape = [1, 1, 1]
        shape[axis] = blocks
        sums = np.add.reduceat(levels, starts, axis=axis)
        per = widths.reshape(shape)
        levels = np.repeat((sums + per // 2) // per, widths, axis=axis)
    return levels


@register(
    "jpeg_compression", "image", "Compressed as JPEG", "quality",
    (25, 18, 15, 10, 7), source=IMAGENET_C,
)  # fmt: skip
def compress(levels: Integers, quality: float, stream: Stream, options: Any) -> Integers:
    """The image is stored as JPEG and read again by Pillow. Its codec may differ in the last bit between builds."""
    try:
        from PIL import Image
    except ImportError:
        raise CountersignError("no_pillow", None, "JPEG compression needs Pillow: pip install pillow.") from None
    mode = NAMES_OF_CHANNELS.get(levels.shape[2])
    if mode is None:
        raise CountersignError("bad_image", None, "JPEG compression needs an image with 1 or 3 channels.")
    stored = BytesIO()
    bytes_ = to_bytes(levels)
    Image.fromarray(bytes_[:, :, 0] if mode == "L" else bytes_).save(stored, "JPEG", quality=int(quality))
    with Image.open(stored) as read:
        return np.asarray(read.convert(mode)).reshape(levels.shape).astype(np.int64) * BYTE


@register(
    "dropped_lines", "image", "Lines lost on the way", "share of the lines",
    (0.02, 0.05, 0.1, 0.2, 0.35),
)  # fmt: skip
def drop_lines(levels: Integers, share: float, stream: Stream, options: Any) -> Integers:
    """Some lines, one at least, are black; which ones differs from image to image."""
    height = levels.shape[0]
    lost = stream.choose(min(height, max(1, int(share * height + 0.5))), height)
    changed = levels.copy()
    changed[lost] = 0
    return changed


@register(
    "dead_pixels", "image", "Pixels of the sensor that are stuck", "share of the pixels",
    (0.002, 0.005, 0.01, 0.03, 0.08), is_fixed=True,
)  # fmt: skip
def kill_pixels(levels: Integers, share: float, stream: Stream, options: Any) -> Integers:
    """Some pixels, one at least, are always black or always white: the same ones in every image."""
    height, width, channels = levels.shape
    pixels = levels.reshape(height * width, channels).copy()
    order = stream.permutation(len(pixels))[: max(1, int(share * len(pixels) + 0.5))]
    pixels[order] = np.where(stream.uniform(len(pixels))[order] < 0.5, 0, TOP)[:, np.newaxis]
    return pixels.reshape(levels.shape)
