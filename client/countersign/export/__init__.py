"""Write a fitted model down as a model document that the portal can check and explain.

    from countersign.export import export_model

    document = export_model(pipeline, feature_names=table.columns)
    Path("model.json").write_text(json.dumps(document, allow_nan=False))

The document holds numbers only, no code, and the portal never opens anything else. What can be
written down exactly is: scikit-learn's linear models, trees, forests, gradient boosting and
histogram gradient boosting; XGBoost; LightGBM; and pipelines that scale, impute, one-hot encode and
pass on. Anything else is refused with the reason.
"""

from __future__ import annotations

from countersign.export.additive import describe_additive
from countersign.export.model import export_model

__all__ = ["describe_additive", "export_model"]
