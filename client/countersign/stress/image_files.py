"""Images on disk as a sequence that is read by slices: a batch of them is in memory, never all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countersign.errors import CountersignError

MODES = {"L": "L", "1": "L", "I;16": "I;16", "I;16L": "I;16", "I;16B": "I;16"}
MOST_PIXELS = 100_000_000


class ImageFiles:
    """Image files as arrays: grey ones height x width, coloured ones height x width x 3 (transparency left out).

    Raises ``CountersignError``: ``no_pillow``; ``bad_image`` naming the file that is missing, no image or too large.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        try:
            import PIL  # noqa: F401
        except ImportError:
            raise CountersignError("no_pillow", None, "Reading images needs Pillow: pip install pillow.") from None
        self._paths = [folder / name for name in names]

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, part: slice) -> list[NDArray[Any]]:
        return [read_image_file(path) for path in self._paths[part]]


def read_image_file(path: Path) -> NDArray[Any]:
    """Return an image file as an array of uint8 (of uint16 for a grey image with 16 bits)."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise CountersignError("bad_image", None, f"{path} has more than {MOST_PIXELS:,} pixels.")
            return np.asarray(image.convert(MODES.get(image.mode, "RGB")))
    except FileNotFoundError:
        raise CountersignError("bad_image", None, f"There is no image {path}.") from None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise CountersignError("bad_image", None, f"{path} cannot be read as an image: {error}.") from None
