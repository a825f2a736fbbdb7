"""What a data-quality profile measures: every number with its definition.

The dimensions are those of ISO/IEC 25012 and ISO/IEC 5259-2; every one is a count over a count, so
that it can be computed and checked. This module imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from audits.metrics import Direction

ISO_25012 = "ISO/IEC 25012:2008"
ISO_5259 = "ISO/IEC 5259-2:2024"
DEFINITION = "definition"
EXACT = "exact, whole file"
NO_ROWS = "no row is left to count"


@dataclass(frozen=True)
class QualityMetric:
    """One quantity of a table. Its populations are "overall", "column=age", "rule=..." or a group."""

    name: str
    title: str
    direction: Direction
    definition: str
    undefined_when: str
    source: str


_METRICS = (
    QualityMetric(
        "dataset_match",
        "File is the dataset version",
        "higher",
        "1 where the file's SHA-256 is the declared digest of the dataset version, otherwise 0.",
        "no digest is declared",
        DEFINITION,
    ),
    QualityMetric(
        "completeness",
        "Completeness",
        "higher",
        "Cells that are present / cells expected; a cell is missing where it is empty or holds a declared token.",
        NO_ROWS,
        f"{ISO_25012}, completeness; {ISO_5259}",
    ),
    QualityMetric(
        "complete_rows",
        "Complete rows",
        "higher",
        "Rows with a value in every required column / rows; every column is required where none is declared.",
        NO_ROWS,
        f"{ISO_5259}, record completeness",
    ),
    QualityMetric(
        "schema_conformity",
        "Schema conformity",
        "higher",
        "Declared columns that are in the file with every value of the declared type / declared columns; "
        "in a closed schema, columns nobody declared count as not conforming.",
        "no column is declared",
        f"{ISO_25012}, compliance",
    ),
    QualityMetric(
        "key_uniqueness",
        "Key uniqueness",
        "higher",
        "Distinct complete keys / rows.",
        "no key is declared",
        f"{ISO_5259}, identifiability of records",
    ),
    QualityMetric(
        "duplicate_rows",
        "Duplicate rows",
        "lower",
        "Rows that repeat an earlier row in every cell / rows.",
        NO_ROWS,
        f"{ISO_5259}, record redundancy",
    ),
    QualityMetric(
        "duplicate_content",
        "Duplicate content under another key",
        "lower",
        "Rows that repeat an earlier row in every cell outside the key, and not in the key / rows.",
        "no key is declared",
        f"{ISO_5259}, record redundancy",
    ),
    QualityMetric(
        "validity",
        "Validity",
        "higher",
        "Present cells that pass the declared type, format, pattern, values and range / present cells of "
        "columns with such a declaration.",
        "nothing that can be checked is declared, or no cell is present",
        f"{ISO_25012}, accuracy (syntactic)",
    ),
    QualityMetric(
        "consistency",
        "Consistency",
        "higher",
        "Rows that pass a rule across columns / rows the rule applies to; overall, summed over the rules.",
        "no rule is declared, or none applies to a row",
        f"{ISO_25012}, consistency",
    ),
    QualityMetric(
        "label_consistency",
        "Label consistency",
        "higher",
        "Groups of two or more rows with the same inputs that carry one label / such groups.",
        "no two rows have the same inputs",
        f"{ISO_5259}, consistency of labels",
    ),
    QualityMetric(
        "timeliness",
        "Timeliness",
        "higher",
        "Rows not older than the stated limit on the day of observation, and not later than it / rows with a date.",
        "no limit is stated, or no row has a date",
        f"{ISO_25012}, currentness",
    ),
    QualityMetric(
        "median_age_days",
        "Median age (days)",
        "lower",
        "Median over the dated rows of day of observation minus date, in days.",
        "no row has a date",
        f"{ISO_5259}, timeliness",
    ),
    QualityMetric(
        "p95_age_days",
        "95th percentile of age (days)",
        "lower",
        "95th percentile over the dated rows of day of observation minus date, in days.",
        "no row has a date",
        f"{ISO_5259}, timeliness",
    ),
    QualityMetric(
        "largest_gap_days",
        "Largest gap (days)",
        "lower",
        "Largest distance between two days, in order, on which rows are dated.",
        "fewer than two days have rows",
        f"{ISO_5259}, timeliness",
    ),
    QualityMetric(
        "future_rows",
        "Rows from the future",
        "lower",
        "Rows dated after the day of observation / rows with a date.",
        "no row has a date",
        f"{ISO_25012}, currentness",
    ),
    QualityMetric(
        "accuracy_to_source",
        "Accuracy against the source",
        "higher",
        "Cells that equal the source's cell of the same key (numbers within the stated tolerance) / cells compared.",
        "no source is given, or no row has a counterpart in it",
        f"{ISO_25012}, accuracy (semantic)",
    ),
    QualityMetric(
        "source_coverage",
        "Coverage by the source",
        "higher",
        "Rows whose key is found in the source / rows.",
        "no source is given",
        DEFINITION,
    ),
    QualityMetric(
        "minority_share",
        "Share of the smallest class",
        "higher",
        "Rows of the rarest label / rows with a label.",
        "no label is declared or present",
        f"{ISO_5259}, balance",
    ),
    QualityMetric(
        "class_ratio",
        "Class balance",
        "closer to 1",
        "Rows of the rarest label / rows of the most frequent label.",
        "no label is declared or present",
        f"{ISO_5259}, balance",
    ),
    QualityMetric(
        "representation_ratio",
        "Representation ratio",
        "closer to 1",
        "Share of a group among the rows with a known group / its declared share of the population.",
        "no population share is declared, or no row has a known group",
        f"{ISO_5259}, representativeness",
    ),
    QualityMetric(
        "representation_distance",
        "Distance from the population",
        "closer to 0",
        "Total variation: half the sum over groups of |share among the rows - declared share|.",
        "no population share is declared, or no row has a known group",
        f"{ISO_5259}, representativeness",
    ),
    QualityMetric(
        "representation_p_value",
        "Representation, p-value",
        "neither",
        "Probability of a chi-square statistic at least this large if the rows were drawn from the population.",
        "an expected count is below 1, or a group is unknown to the population",
        "Pearson 1900",
    ),
    QualityMetric(
        "leakage",
        "Leakage from training",
        "lower",
        "Rows that also stand in the training data, equal in every declared column / rows.",
        "no training data are given",
        f"{ISO_5259}; Kapoor and Narayanan, Patterns 4 (2023)",
    ),
    QualityMetric(
        "key_leakage",
        "Keys also in training",
        "lower",
        "Rows whose key also stands in the training data / rows with a complete key.",
        "no key or no training data are given",
        DEFINITION,
    ),
    QualityMetric(
        "outliers",
        "Outliers (fences)",
        "lower",
        "Numbers below Q1 - 1.5 IQR or above Q3 + 1.5 IQR / numbers of the column.",
        "the interquartile range is 0, or the column has no number",
        "Tukey 1977",
    ),
    QualityMetric(
        "robust_outliers",
        "Outliers (robust z)",
        "lower",
        "Numbers with 0.6745 |x - median| / MAD above 3.5 / numbers of the column.",
        "the median absolute deviation is 0, or the column has no number",
        "Iglewicz and Hoaglin 1993",
    ),
    QualityMetric(
        "distinct_values",
        "Distinct values",
        "neither",
        "Distinct present values of a column.",
        "never",
        DEFINITION,
    ),
    QualityMetric(
        "constant_columns",
        "Constant columns",
        "lower",
        "Columns with one value or none.",
        "never",
        DEFINITION,
    ),
    QualityMetric(
        "personal_data_columns",
        "Columns that hint at personal data",
        "lower",
        "Columns whose name or values look like names, contacts, accounts, addresses, births or free text.",
        "never",
        "GDPR Art. 4(1)",
    ),
    QualityMetric(
        "personal_data_share",
        "Values that look personal",
        "lower",
        "Present cells of a column that have the form of one kind of personal data / present cells.",
        "the column has no value",
        "GDPR Art. 4(1)",
    ),
)

QUALITY_METRICS: Mapping[str, QualityMetric] = MappingProxyType({metric.name: metric for metric in _METRICS})
"""Name -> definition of everything a data-quality profile measures."""
