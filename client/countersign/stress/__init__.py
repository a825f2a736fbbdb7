"""Seeded, graded conditions for rows and images, and a model's predictions under them.

A model that is to watch a production line is tried against noise, blur and bad light of simulated cameras before it
meets real ones; a model that reads forms against typing errors and gaps.

>>> from countersign.stress import parse_conditions, run_conditions
>>> [condition.name for condition in parse_conditions(["motion_blur:2-3", "fog:5"])]
['motion_blur:2', 'motion_blur:3', 'fog:5']

It needs numpy, and Pillow for JPEG compression: ``pip install "countersign[stress]"``. The same seed gives the same
bytes on every platform (JPEG: as far as Pillow's codec does).
"""

from __future__ import annotations

try:
    import numpy as _numpy  # noqa: F401
except ImportError:
    raise ImportError('countersign.stress needs numpy: pip install "countersign[stress]"') from None

from countersign.stress import cameras, cells, scenes, sensors
from countersign.stress.auditing import make_manifest, make_spec, submit_conditions, write_files
from countersign.stress.catalogue import CATALOGUE, Condition, Disturbance, parse_conditions
from countersign.stress.disturbing import Disturbed, disturb_image, disturb_rows
from countersign.stress.populations import at
from countersign.stress.prediction_rows import PredictionRows
from countersign.stress.running import run_conditions

__all__ = [
    "CATALOGUE",
    "Condition",
    "Disturbance",
    "Disturbed",
    "PredictionRows",
    "at",
    "disturb_image",
    "disturb_rows",
    "make_manifest",
    "make_spec",
    "parse_conditions",
    "run_conditions",
    "submit_conditions",
    "write_files",
]

# Importing them fills the catalogue.
_FILLED_BY = (cameras, cells, scenes, sensors)
