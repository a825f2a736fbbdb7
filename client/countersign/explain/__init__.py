"""SHAP values computed where the model lives, ready for the portal to check.

    from countersign.explain import explain_model

    explained = explain_model(model, table, ids=table.index, seed=7)
    explained.submit(portal, version)

The rows explained are a seeded sample spread over groups and answers, as large as the wanted precision needs; every
row is checked to add up before anything is sent. The model itself is never sent, and never pickled. It needs numpy and
shap: ``pip install "countersign[explain]"``.
"""

from __future__ import annotations

try:
    import numpy as _numpy  # noqa: F401
except ImportError:
    raise ImportError('countersign.explain needs numpy and shap: pip install "countersign[explain]"') from None

from countersign.explain.explaining import explain_model
from countersign.explain.result import Explained, NotAdditive
from countersign.explain.sampling import take_rows

__all__ = ["Explained", "NotAdditive", "explain_model", "take_rows"]
