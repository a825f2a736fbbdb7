"""What comparisons of groups rest on: resampled values, and why a comparison cannot be judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from audits.bias.clustering import explain_clusters, find_stretch
from audits.bias.groupings import evaluate_draws
from audits.bias.results import Group
from audits.bias.tallies import Settings
from audits.intervals import Bounded
from audits.metrics import METRICS
from audits.populations import name_group

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ONE_GROUP = "only one group: nothing to compare"
NOBODY = "nobody is selected: that groups are alike in it says nothing about fairness"
EVERYBODY = "everybody is selected: that groups are alike in it says nothing about fairness"
DECIDED = ("selection_rate", "tpr", "fnr", "fpr", "tnr")
"""Rates that are alike in all groups by themselves where all rows are decided alike."""

Draw = Callable[[], "NDArray[np.float64]"]


def find_sameness(overall: Group, metrics: Sequence[str]) -> str | None:
    """Return what makes the decisions of all rows the same; None where they differ."""
    if not set(DECIDED) & set(metrics):
        return None
    selected = overall.counts.tp + overall.counts.fp
    return NOBODY if selected == 0 else EVERYBODY if selected == overall.n else None


class Basis:
    """The groups of one grouping with draws of their values, made only where they are needed.

    Parameters
    ----------
    features : tuple of str
    groups : sequence of Group
    settings : Settings
    draw : callable
        Gives resampled confusion sums: draws x groups x classes x classes.
    is_clustered : bool
        Whether the draws are of whole clusters; then every interval comes from them.
    sameness : str, optional
        From `find_sameness`.
    """

    def __init__(
        self,
        features: tuple[str, ...],
        groups: Sequence[Group],
        settings: Settings,
        draw: Draw,
        *,
        is_clustered: bool = False,
        sameness: str | None = None,
    ) -> None:
        self.features = features
        self.groups = groups
        self.settings = settings
        self._draw = draw
        self._is_clustered = is_clustered
        self._sameness = sameness
        self._drawn: NDArray[np.float64] | None = None
        self._evaluated: dict[str, NDArray[np.float64]] = {}

    def draws_pair(self, name: str) -> bool:
        """Tell whether two groups are compared by draws, because they are not independent."""
        return self._is_clustered and METRICS[name].needs == "label"

    def draw_metric(self, name: str, groups: Sequence[Group], bounds: Sequence[Bounded]) -> NDArray[np.float64]:
        """Return resampled values of a metric: draws x groups, in the order of `groups`."""
        import numpy as np

        if METRICS[name].needs != "label":
            return self._draw_from_limits(name, groups, bounds)
        if self._drawn is None:
            self._drawn = self._draw()
        if name not in self._evaluated:
            self._evaluated[name] = evaluate_draws(name, self._drawn)
        index = {group.values: number for number, group in enumerate(self.groups)}
        drawn = np.asarray(self._evaluated[name][:, [index[group.values] for group in groups]])
        if not self._is_clustered:
            return drawn
        factors = [find_stretch((group.clusters or {}).get(name), self.settings.z) for group in groups]
        values = np.array([bound.value for bound in bounds])
        stretched = values + np.array(factors) * (drawn - values)
        return np.asarray(np.clip(stretched, 0.0, None if name == "theil_index" else 1.0))

    def _draw_from_limits(self, name: str, groups: Sequence[Group], bounds: Sequence[Bounded]) -> NDArray[np.float64]:
        """Draw each group's value from its own interval: scores and errors are not in the cells."""
        import numpy as np

        generator = np.random.default_rng(self.settings.random_state)
        normal = generator.standard_normal((self.settings.draws, len(bounds)))[:, order_bounds(bounds)]
        if all(group.estimates[name].method == "student-log" for group in groups):
            with np.errstate(divide="ignore"):
                centre = np.log([bound.value for bound in bounds])
                wide = np.log([max(bound.high, 1e-300) for bound in bounds])
            wide = np.where(np.isfinite(centre), (wide - centre) / self.settings.z, 0.0)
            return np.asarray(np.exp(centre + wide * normal))
        deviation = [(bound.high - bound.low) / (2 * self.settings.z) for bound in bounds]
        drawn = [bound.value for bound in bounds] + np.array(deviation) * normal
        return np.clip(drawn, 0.0, 1.0) if name == "auc" else np.asarray(drawn)

    def explain(self, name: str) -> str | None:
        """Return why a comparison of all groups by this metric cannot meet a criterion; None where it can."""
        if len(self.groups) == 1:
            return ONE_GROUP
        reasons = []
        small = [group for group in self.groups if group.is_small]
        if small:
            size = self.settings.minimum_group_size
            reasons.append(f"group below minimum size {size}: {self._list_groups(small)}")
        undefined = [group for group in self.groups if group.estimates[name].value is None]
        if undefined:
            reasons.append(f"{name} is undefined for {self._list_groups(undefined)}")
        defined = [group for group in self.groups if group.estimates[name].value is not None]
        return _join([*reasons, self.explain_clusters(name, defined), self._explain_sameness(name)])

    def explain_pair(self, name: str, group: Group, base: Group) -> str | None:
        """Return why a comparison of two groups by this metric cannot meet a criterion; None where it can."""
        small = f"group below minimum size {self.settings.minimum_group_size}"
        found = [small if group.is_small or base.is_small else None]
        found += [self.explain_clusters(name, (group, base)), self._explain_sameness(name)]
        return _join(found)

    def explain_clusters(self, name: str, groups: Sequence[Group]) -> str | None:
        """Return why clusters keep a metric of these groups from being judged; None where they do not."""
        return explain_clusters(name, groups)

    def _explain_sameness(self, name: str) -> str | None:
        return self._sameness if name in DECIDED else None

    def _list_groups(self, groups: Sequence[Group]) -> str:
        shown = ", ".join(name_group(self.features, group.values) for group in groups[:3])
        return shown if len(groups) <= 3 else f"{shown} and {len(groups) - 3} more"


def order_bounds(bounds: Sequence[Bounded]) -> NDArray[np.int64]:
    """Return the rank of every value with its limits: what a group is called decides nothing that is drawn for it."""
    import numpy as np

    return np.argsort(np.array(sorted(range(len(bounds)), key=lambda place: bounds[place]), dtype=np.int64))


def _join(reasons: Sequence[str | None]) -> str | None:
    return "; ".join(reason for reason in reasons if reason) or None
