"""B11: whoever owns the database, takes the triggers down, forges and tidies up is found, at the right entry."""

from __future__ import annotations

import pytest

from tests.governance.bypass.forging import FORGERIES, Forgery, without_triggers
from tests.governance.bypass.record import Record, refusal_to_sign, verify_log
from tests.governance.log_history import note

pytestmark = pytest.mark.django_db(transaction=True)


def test_b11_untouched_record_is_whole_and_signed(record: Record) -> None:
    with without_triggers(record):
        pass
    code, said = verify_log()
    assert (code, refusal_to_sign()) == (0, None), said


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_b11_forgery_is_found_at_its_entry(record: Record, forgery: Forgery) -> None:
    with without_triggers(record) as run:
        expected = forgery.script(run)
    code, said = verify_log()
    assert code == 1, said
    assert said.splitlines()[-1].endswith(f"the first at entry {expected}."), said
    if forgery.stops_signer:
        refused = refusal_to_sign()
        assert refused is not None
        # It reads entries before checkpoints: of a forger who changed both it names the entry.
        assert refused.index is None or refused.index >= expected


@pytest.mark.parametrize("forgery", FORGERIES[:4], ids=lambda forgery: forgery.name)
def test_b11_forgery_stays_refused_while_the_log_grows(record: Record, forgery: Forgery) -> None:
    with without_triggers(record) as run:
        expected = forgery.script(run)
    for _round in range(3):
        assert refusal_to_sign() is not None
        note(record.history.root)
    assert f"the first at entry {expected}." in verify_log()[1]
