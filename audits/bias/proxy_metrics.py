"""What a proxy check measures: its vocabulary.

Populations are the sensitive feature ("sex"), one of its groups ("sex=F"), and a column tried as
its predictor ("sex & feature=zip"). This module imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from audits.metrics import Metric

NOTHING = "fewer than two groups have enough rows, or only counted cells are there"

PROXY_METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(
                name="proxy_auc",
                title="Predictability of a sensitive feature",
                direction="neither",
                definition=(
                    "Area under the ROC curve of the best guess of the sensitive feature from the declared columns, on "
                    "rows the classifier has not seen; 0.5 is guessing. Of more than two groups the mean over them."
                ),
                undefined_when=NOTHING,
                source="sklearn.ensemble.HistGradientBoostingClassifier",
                needs="rows",
            ),
            Metric(
                name="proxy_balanced_accuracy",
                title="Balanced accuracy of guessing a sensitive feature",
                direction="neither",
                definition="Mean share of the groups of the sensitive feature that is guessed rightly, on unseen rows.",
                undefined_when=NOTHING,
                source="sklearn.metrics.balanced_accuracy_score",
                needs="rows",
            ),
            Metric(
                name="proxy_strength",
                title="Association with a sensitive feature",
                direction="closer to 0",
                definition="Cramer's V with bias correction between one column and the sensitive feature.",
                undefined_when=NOTHING,
                source="Bergsma, J. Korean Stat. Soc. 42 (2013) 323",
                needs="rows",
            ),
        )
    }
)
