"""What happens in front of a camera: too much light or too little, uneven light, its colour, fog, something in the way,
and an object that lies a little differently.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from countersign.errors import CountersignError
from countersign.stress.cameras import ANGLES
from countersign.stress.catalogue import AFTER_IMAGENET_C, IMAGENET_C, register
from countersign.stress.levels import TOP, clip, from_light, to_light
from countersign.stress.randomness import Floats, Integers, Stream

AIRLIGHT = 0.9
GREY = TOP // 2
COLOURS = 3


@register(
    "overexposure", "image", "Too much light", "steps of exposure (EV)",
    (0.5, 1, 1.5, 2, 3),
)  # fmt: skip
def overexpose(levels: Integers, steps: float, stream: Stream, options: Any) -> Integers:
    """The light is multiplied by 2 to the number of steps; what is brighter than white is lost."""
    return from_light(to_light(levels) * 2.0**steps)


@register(
    "underexposure", "image", "Too little light", "steps of exposure (EV)",
    (0.5, 1, 2, 3, 4),
)  # fmt: skip
def underexpose(levels: Integers, steps: float, stream: Stream, options: Any) -> Integers:
    """The light is divided by 2 to the number of steps, and the image stored in 8 bits as it then is."""
    return (from_light(to_light(levels) / 2.0**steps) + 128) // 257 * 257


@register(
    "low_contrast", "image", "Little contrast", "share of the contrast that is left",
    (0.4, 0.3, 0.2, 0.1, 0.05), source=IMAGENET_C,
)  # fmt: skip
def lower_contrast(levels: Integers, share: float, stream: Stream, options: Any) -> Integers:
    """Every value moves towards the mean of the image."""
    mean = int(levels.sum()) // levels.size
    return clip(mean + share * (levels - mean).astype(np.float64))


def _places(levels: Integers) -> tuple[Floats, Floats]:
    """The middles of the pixels, from -1 to 1 down and across."""
    height, width = levels.shape[:2]
    down = (2 * np.arange(height) + 1 - height) / height
    across = (2 * np.arange(width) + 1 - width) / width
    return down[:, np.newaxis, np.newaxis], across[np.newaxis, :, np.newaxis]


@register(
    "vignetting", "image", "Dark corners of a lens", "light that reaches the corners",
    (0.8, 0.6, 0.45, 0.3, 0.2), is_fixed=True, source="cosine-fourth law of illumination",
)  # fmt: skip
def vignette(levels: Integers, corner: float, stream: Stream, options: Any) -> Integers:
    """The light falls off from the middle as the fourth power of the cosine of the angle."""
    down, across = _places(levels)
    far = 1 / math.sqrt(corner) - 1
    return from_light(to_light(levels) / (1 + far * (down**2 + across**2) / 2) ** 2)


@register(
    "uneven_light", "image", "Light from one side", "light that is missing on the dark side",
    (0.3, 0.5, 0.65, 0.8, 0.9),
)  # fmt: skip
def light_unevenly(levels: Integers, missing: float, stream: Stream, options: Any) -> Integers:
    """The light falls evenly across the image, in one of 32 directions that differs from image to image."""
    down, across = _places(levels)
    angle = math.pi * stream.integer(2 * ANGLES) / ANGLES
    sine, cosine = round(math.sin(angle), 12), round(math.cos(angle), 12)
    along = (down * sine + across * cosine) / (abs(sine) + abs(cosine))
    return from_light(to_light(levels) * (1 - missing * (1 + along) / 2))


@register(
    "white_balance", "image", "Light of another colour", "gain of red over blue",
    (1.2, 1.4, 1.7, 2.2, 3.0), is_fixed=True,
)  # fmt: skip
def shift_colour(levels: Integers, gain: float, stream: Stream, options: Any) -> Integers:
    """Red is strengthened and blue weakened, or the reverse, by the root of the gain each: the same for every image."""
    if levels.shape[2] != COLOURS:
        raise CountersignError("bad_image", None, "White balance needs an image with 3 channels: red, green, blue.")
    root = math.sqrt(gain)
    gains = (root, 1.0, 1 / root) if stream.integer(2) else (1 / root, 1.0, root)
    return from_light(to_light(levels) * np.array(gains))


@register(
    "fog", "image", "Fog, smoke or steam", "share of the light that comes through",
    (0.8, 0.65, 0.5, 0.35, 0.2), source="Koschmieder's law; Narasimhan and Nayar, IJCV 2002",
)  # fmt: skip
def add_fog(levels: Integers, share: float, stream: Stream, options: Any) -> Integers:
    """Every pixel is mixed with bright grey; the fog is denser in some parts, by at most 0.1."""
    through = np.clip(share + 0.1 * _clouds(levels, stream), 0.02, 1)
    return clip(levels * through + AIRLIGHT * TOP * (1 - through))


def _clouds(levels: Integers, stream: Stream) -> Floats:
    """A smooth random field from -1 to 1: three layers of finer and finer patches."""
    height, width = levels.shape[:2]
    field = np.zeros((height, width))
    for cells, weight in ((2, 4 / 7), (4, 2 / 7), (8, 1 / 7)):
        corners = 2 * stream.uniform(cells + 1, cells + 1) - 1
        field += weight * _interpolate(corners, np.arange(height) * cells / height, np.arange(width) * cells / width)
    return field[:, :, np.newaxis]


def _interpolate(values: Floats, down: Floats, across: Floats) -> Floats:
    """Values at places between them, bilinear."""
    top, left = np.floor(down).astype(np.int64), np.floor(across).astype(np.int64)
    low, high = np.minimum(top + 1, values.shape[0] - 1), np.minimum(left + 1, values.shape[1] - 1)
    below, right = (down - top)[:, np.newaxis], across - left
    upper = values[top][:, left] * (1 - right) + values[top][:, high] * right
    lower = values[low][:, left] * (1 - right) + values[low][:, high] * right
    return np.asarray(upper * (1 - below) + lower * below)


@register(
    "occlusion", "image", "Something in the way", "share of the image",
    (0.05, 0.1, 0.2, 0.3, 0.45), source="after DeVries and Taylor, 2017 (Cutout)",
)  # fmt: skip
def occlude(levels: Integers, share: float, stream: Stream, options: Any) -> Integers:
    """A grey rectangle covers a part of the image; its place and shape differ from image to image."""
    height, width = levels.shape[:2]
    shape = stream.number(0.6, 1.6)
    tall = min(height, max(1, round(height * math.sqrt(share * shape))))
    wide = min(width, max(1, round(height * width * share / tall)))
    top, left = stream.integer(height - tall + 1), stream.integer(width - wide + 1)
    changed = levels.copy()
    changed[top : top + tall, left : left + wide] = GREY
    return changed


@register(
    "rotation", "image", "Turned a little", "degrees",
    (2, 5, 10, 15, 25),
)  # fmt: skip
def rotate(levels: Integers, degrees: float, stream: Stream, options: Any) -> Integers:
    """The image is turned about its middle to the left or to the right; what comes in repeats the edge."""
    height, width = levels.shape[:2]
    angle = math.radians(degrees if stream.integer(2) else -degrees)
    sine, cosine = round(math.sin(angle), 12), round(math.cos(angle), 12)
    down = np.arange(height)[:, np.newaxis] - (height - 1) / 2
    across = np.arange(width)[np.newaxis, :] - (width - 1) / 2
    from_down = np.clip(cosine * down - sine * across + (height - 1) / 2, 0, height - 1)
    from_across = np.clip(sine * down + cosine * across + (width - 1) / 2, 0, width - 1)
    top = np.minimum(np.floor(from_down), max(0, height - 2)).astype(np.int64)
    left = np.minimum(np.floor(from_across), max(0, width - 2)).astype(np.int64)
    below, right = (from_down - top)[:, :, np.newaxis], (from_across - left)[:, :, np.newaxis]
    low, high = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    upper = levels[top, left] * (1 - right) + levels[top, high] * right
    lower = levels[low, left] * (1 - right) + levels[low, high] * right
    return clip(upper * (1 - below) + lower * below)


@register(
    "shift", "image", "Not in the middle", "share of the shorter side",
    (0.02, 0.05, 0.1, 0.15, 0.25), source=AFTER_IMAGENET_C,
)  # fmt: skip
def shift(levels: Integers, share: float, stream: Stream, options: Any) -> Integers:
    """The image moves by whole pixels, one at least, in one of 8 directions; what comes in repeats the edge."""
    height, width = levels.shape[:2]
    pixels = max(1, int(share * min(height, width) + 0.5))
    down, across = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))[stream.integer(8)]
    rows = np.clip(np.arange(height) - down * pixels, 0, height - 1)
    columns = np.clip(np.arange(width) - across * pixels, 0, width - 1)
    return levels[rows][:, columns]
