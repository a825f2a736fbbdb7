"""The gate judges by intervals of one confidence level, whatever level an evaluation was asked for with."""

from __future__ import annotations

import pytest

from governance import runner
from governance.actions import evaluations
from governance.dossier import collect
from tests import cast


@pytest.mark.parametrize(("level", "is_held_back"), [(0.9, True), (0.95, False), (0.99, False)])
def test_narrow_intervals_of_a_low_level_settle_nothing(version, developer, level, is_held_back):
    """Otherwise whoever asks could choose a level at which the criterion is met."""
    item = cast.submit(version, "predictions", by=developer, file=[cast.make_predictions()], file_name="p.csv")
    spec = cast.PREDICTIONS_SPEC | {"intervals": {"draws": 200, "level": level}}
    audit = evaluations.request_evaluation(
        version, kind="bias_audit", evidence=item, spec=spec, actor=cast.acting(developer)
    )
    runner.run(audit.pk)
    found = collect(version).measures("test")[("accuracy", "overall")][0]
    assert (found.value, found.reason is not None) == (0.95, is_held_back)
    if is_held_back:
        assert found.reason == "its interval holds with 90% only; 95% are needed"
    counted = collect(version).measures("test")[("n", "overall")][0]
    assert counted.reason is None
