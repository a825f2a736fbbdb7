"""What people read instead of a metric's machine name. A test holds the list against the laboratory's vocabulary."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

METRIC_TITLES = {
    "selection_rate": _("Selection rate"),
    "base_rate": _("Base rate"),
    "tpr": _("True positive rate"),
    "fnr": _("False negative rate"),
    "fpr": _("False positive rate"),
    "tnr": _("True negative rate"),
    "precision": _("Precision"),
    "npv": _("Negative predictive value"),
    "accuracy": _("Accuracy"),
    "f1": _("F1"),
    "balanced_accuracy": _("Balanced accuracy"),
    "auc": _("Area under the ROC curve"),
    "mean_score": _("Mean score"),
    "additive_share": _("Additive rows"),
    "additivity_error": _("Largest additivity error"),
    "importance": _("Importance"),
    "importance_share": _("Share of importance"),
    "reproduced_share": _("Reproduced metrics"),
    "largest_deviation": _("Largest relative deviation of a rerun"),
    "metric_deviation": _("Deviation of a rerun"),
    "completeness": _("Completeness"),
    "complete_rows": _("Complete rows"),
    "schema_conformity": _("Schema conformity"),
    "key_uniqueness": _("Key uniqueness"),
    "duplicate_rows": _("Duplicate rows"),
    "duplicate_content": _("Duplicate content under another key"),
    "validity": _("Validity"),
    "consistency": _("Consistency"),
    "label_consistency": _("Label consistency"),
    "timeliness": _("Timeliness"),
    "median_age_days": _("Median age (days)"),
    "p95_age_days": _("95th percentile of age (days)"),
    "largest_gap_days": _("Largest gap (days)"),
    "future_rows": _("Rows from the future"),
    "accuracy_to_source": _("Accuracy against the source"),
    "source_coverage": _("Coverage by the source"),
    "minority_share": _("Share of the smallest class"),
    "class_ratio": _("Class balance"),
    "representation_ratio": _("Representation ratio"),
    "representation_distance": _("Distance from the population"),
    "representation_p_value": _("Representation, p-value"),
    "leakage": _("Leakage from training"),
    "key_leakage": _("Keys also in training"),
    "outliers": _("Outliers (fences)"),
    "robust_outliers": _("Outliers (robust z)"),
    "distinct_values": _("Distinct values"),
    "constant_columns": _("Constant columns"),
    "personal_data_columns": _("Columns that hint at personal data"),
    "personal_data_share": _("Values that look personal"),
    "demographic_parity_difference": _("Demographic parity difference"),
    "demographic_parity_ratio": _("Demographic parity ratio"),
    "equal_opportunity_difference": _("Equal opportunity difference"),
    "equal_opportunity_ratio": _("Equal opportunity ratio"),
    "equalized_odds_difference": _("Equalized odds difference"),
    "equalized_odds_ratio": _("Equalized odds ratio"),
    "equalized_odds_difference_mean": _("Equalized odds difference, mean"),
    "predictive_parity_difference": _("Predictive parity difference"),
    "impact_ratio": _("Impact ratio"),
    "test_report.tests": _("Tests"),
    "test_report.failures": _("Failing tests"),
    "test_report.errors": _("Tests ended by an error"),
    "test_report.skipped": _("Skipped tests"),
    "test_report.passed": _("Passing tests"),
    "load_test.requests": _("Requests of the load test"),
    "load_test.p50_ms": _("Median answer (ms)"),
    "load_test.p95_ms": _("95th percentile of answers (ms)"),
    "load_test.p99_ms": _("99th percentile of answers (ms)"),
    "load_test.error_rate": _("Share of errors under load"),
}

COMPARED = {
    "_difference": _("%(metric)s, difference"),
    "_ratio": _("%(metric)s, ratio"),
    "_minus_reference": _("%(metric)s, minus reference group"),
    "_over_reference": _("%(metric)s, over reference group"),
}


def title_of_metric(name: str) -> str:
    """The title of a known metric; any other name with its underscores as spaces."""
    title = METRIC_TITLES.get(name)
    if title is not None:
        return str(title)
    for ending, words in COMPARED.items():
        compared = METRIC_TITLES.get(name.removesuffix(ending))
        if compared is not None:
            return str(words) % {"metric": compared}
    return name.replace("_", " ")
