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
    "theil_index": _("Theil index"),
    "auc": _("Area under the ROC curve"),
    "mean_score": _("Mean score"),
    "log_loss": _("Log loss"),
    "brier_score": _("Brier score"),
    "calibration_error": _("Calibration error"),
    "calibration_bias": _("Calibration in the large"),
    "mean_true": _("Mean true value"),
    "mean_pred": _("Mean prediction"),
    "mean_error": _("Mean error"),
    "mae": _("Mean absolute error"),
    "mse": _("Mean squared error"),
    "rmse": _("Root mean squared error"),
    "r2": _("R squared"),
    "max_abs_error": _("Largest absolute error"),
    "additive_share": _("Additive rows"),
    "additivity_error": _("Largest additivity error"),
    "importance": _("Importance"),
    "importance_share": _("Share of importance"),
    "importance_difference": _("Importance, difference between groups"),
    "rows_explained": _("Rows explained"),
    "worst_importance_error": _("Uncertainty of the worst importance"),
    "rank_stability": _("Stability of the order"),
    "rank_correlation": _("Rank correlation of importances"),
    "top_overlap": _("First features in common"),
    "protected_in_top": _("Protected features among the first"),
    "reproduced_share": _("Reproduced metrics"),
    "largest_deviation": _("Largest relative deviation of a rerun"),
    "metric_deviation": _("Deviation of a rerun"),
    "dataset_match": _("File is the dataset version"),
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
    "worst_group_mae": _("Mean absolute error of the worst group"),
    "impact_ratio": _("Impact ratio"),
    "scoring_rate": _("Scoring rate"),
    "scoring_impact_ratio": _("Impact ratio of scoring rates"),
    "selection_standardized_difference": _("Standardized difference of selection"),
    "score_standardized_difference": _("Standardized difference of scores"),
    "proxy_auc": _("Predictability of a sensitive feature"),
    "proxy_balanced_accuracy": _("Balanced accuracy of guessing a sensitive feature"),
    "proxy_strength": _("Association with a sensitive feature"),
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
    "_loss": _("%(metric)s, lost under a condition"),
    "_change": _("%(metric)s, changed under a condition"),
    "_over_baseline": _("%(metric)s, over baseline condition"),
    "_loss_difference": _("%(metric)s, lost under a condition, difference"),
    "_change_difference": _("%(metric)s, changed under a condition, difference"),
}


def title_of_metric(name: str) -> str:
    """The title of a known metric; any other name with its underscores as spaces."""
    title = METRIC_TITLES.get(name)
    if title is not None:
        return str(title)
    worst = METRIC_TITLES.get(name.removeprefix("worst_").removesuffix("_loss")) if name.startswith("worst_") else None
    if worst is not None:
        return str(_("%(metric)s, largest loss under any condition")) % {"metric": worst}
    for ending, words in COMPARED.items():
        compared = METRIC_TITLES.get(name.removesuffix(ending))
        if compared is not None:
            return str(words) % {"metric": compared}
    return name.replace("_", " ")
