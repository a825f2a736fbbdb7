"""What was recorded at a moment of the past, rebuilt from the log: as the tables say now, and the same for ever."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from countersign import report_verifier
from governance.actions import discussion, people, promotion
from governance.canonical import canonical_bytes
from governance.exceptions import IntegrityBroken, InvalidInput, NotSealedYet
from governance.models import (
    AuditLogEntry,
    Checkpoint,
    ControlRuling,
    DatasetUse,
    DatasetVersion,
    Evaluation,
    Evidence,
    Membership,
    ModelVersion,
    RegisteredModel,
    Release,
    Remark,
    Requirement,
    SignOff,
    Waiver,
)
from governance.past_log import prove
from governance.past_state import PastState, rebuild
from governance.permits import in_use_at
from governance.signer import sign_once
from governance.signer_files import read_trust
from tests import cast
from tests.governance.log_history import History, note
from tests.governance.tampering import read_entry, write_entry
from tests.guards import behind_the_guards


def now_of(history: History) -> PastState:
    return rebuild(history.project.pk, datetime.now(UTC))


def pairs(items: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(item[name] for name in names) for item in items)


def test_as_of_now_is_what_the_tables_say(history: History) -> None:
    told = now_of(history).document
    assert pairs(told["models"], "id", "label", "risk_tier", "revision") == sorted(
        RegisteredModel.objects.values_list("pk", "name", "risk_tier", "revision")
    )
    assert pairs(told["versions"], "id", "state", "policy") == sorted(
        ModelVersion.objects.values_list("pk", "state", "policy_digest")
    )
    assert pairs(told["sign_offs"], "id", "role", "decision", "by", "dossier", "index") == sorted(
        SignOff.objects.values_list("pk", "role", "decision", "signer_name", "dossier_id", "log_index")
    )
    assert pairs(told["evaluations"], "id", "status", "result_digest") == sorted(
        Evaluation.objects.values_list("pk", "status", "result_digest")
    )
    assert pairs(told["evidence"], "id", "label", "index") == sorted(
        Evidence.objects.values_list("pk", "title", "log_index")
    )
    assert pairs(told["datasets"], "id", "digest", "row_count") == sorted(
        DatasetVersion.objects.values_list("pk", "digest", "row_count")
    )
    assert pairs(told["dataset_uses"], "id", "role") == sorted(DatasetUse.objects.values_list("pk", "role"))
    assert pairs(told["waivers"], "id", "finding") == sorted(Waiver.objects.values_list("pk", "finding_key"))
    assert pairs(told["members"], "id", "role") == sorted(
        Membership.objects.current().filter(project=history.project).values_list("pk", "role")
    )
    assert pairs(told["rulings"], "id", "control") == sorted(ControlRuling.objects.values_list("pk", "control"))
    unresolved = Remark.objects.filter(is_question=True, resolved_at=None)
    assert pairs(told["questions"], "id") == sorted(unresolved.values_list("pk"))
    binding = Requirement.objects.filter(withdrawn_at=None).values_list("key", "revision")
    assert sorted((item["label"].split(" ")[0], item["revision"]) for item in told["requirements"]) == sorted(binding)
    assert told["solo_mode"]["on"] is (history.project.solo_since is not None)


def test_what_was_in_production_agrees_with_the_page_after_every_entry(history: History) -> None:
    for at in AuditLogEntry.objects.order_by("index").values_list("at", flat=True).distinct():
        told = [item["id"] for item in rebuild(history.project.pk, at).document["releases"]]
        assert sorted(told) == sorted(in_use_at(at).values_list("pk", flat=True)), at
    before = Release.objects.earliest("started_at").started_at - timedelta(microseconds=1)
    assert rebuild(history.project.pk, before).document["releases"] == []


def test_nothing_later_leaks_back(history: History) -> None:
    """What is told of a moment is the same to the byte after anything that happens later, names included."""
    ats = list(AuditLogEntry.objects.order_by("index").values_list("at", flat=True))[::9]
    kept = {at: canonical_bytes(rebuild(history.project.pk, at).document) for at in ats}
    auditor = history.people["auditor"]
    discussion.write_remark(history.open_version, text="Late.", is_question=True, actor=cast.acting(auditor))
    people.end_role(auditor.memberships.get(), reason="Left.", actor=cast.acting(history.root))
    promotion.retire_version(history.live.version, reason="Old.", actor=cast.acting(history.people["approver"]))
    auditor.full_name = "Another Name"
    auditor.save(update_fields=["full_name"])
    for at, before in kept.items():
        assert canonical_bytes(rebuild(history.project.pk, at).document) == before, at
    assert now_of(history).document["releases"] == []


def test_a_waiver_that_ran_out_is_no_waiver_in_force(history: History) -> None:
    ends = Waiver.objects.get().expires_at
    assert rebuild(history.project.pk, ends - timedelta(seconds=1)).document["waivers"]
    assert not rebuild(history.project.pk, ends).document["waivers"]


def test_a_signature_is_stale_from_the_entry_that_changed_something(history: History) -> None:
    version = history.live.version
    told = rebuild(history.project.pk, datetime.now(UTC), version_id=version.pk).document
    assert {item["version_id"] for item in told["sign_offs"]} == {version.pk}
    first, *later = sorted(told["sign_offs"], key=lambda item: item["index"])
    assert first["stale_by"] == "version.submitted"
    assert first["replaced_by"] == later[0]["index"]
    assert all(item["stale_since"] is None for item in later)


@pytest.mark.parametrize("with_leaf", [False, True])
def test_a_changed_entry_before_the_moment_is_refused(history: History, with_leaf: bool) -> None:
    index = history.index_of("sign_off.given")
    body = read_entry(index)
    body["data"]["decision"] = "approve"
    with behind_the_guards():
        write_entry(index, body, with_leaf=with_leaf)
    with pytest.raises(IntegrityBroken, match="verify_log"):
        now_of(history)
    earlier = AuditLogEntry.objects.get(index=history.index_of("model.registered")).at
    assert rebuild(history.project.pk, earlier).document["models"]


def test_a_column_that_moves_an_entry_away_is_refused(history: History) -> None:
    index = history.index_of("waiver.granted")
    with behind_the_guards():
        AuditLogEntry.objects.filter(index=index).update(project=None)
    with pytest.raises(IntegrityBroken, match="column project"):
        now_of(history)


def test_a_moment_without_entries_or_seal_is_refused(history: History) -> None:
    first = AuditLogEntry.objects.earliest("index").at
    with pytest.raises(InvalidInput):
        rebuild(history.project.pk, first - timedelta(seconds=1))
    note(history.root)
    with pytest.raises(NotSealedYet):
        prove(now_of(history).log, Checkpoint.objects.order_by("-size").first())


def test_the_proof_is_checked_by_the_client_alone(history: History) -> None:
    entries = list(AuditLogEntry.objects.order_by("index").values_list("at", flat=True))
    note(history.root, count=5)
    present = sign_once()
    kept = read_trust()
    assert present is not None
    assert kept is not None
    trust = report_verifier.verifier.read_trust(json.loads(kept.to_json()))
    for at in entries[::17]:
        past = rebuild(history.project.pk, at)
        proof = prove(past.log, present)
        assert report_verifier.check_as_of(past.document, proof, present.note, trust).size == past.log.size
    for spoilt in ("root", "leaves", "hashes"):
        other = bytearray(base64.b64decode(proof[spoilt]))
        if other:
            other[0] ^= 1
            changed = proof | {spoilt: base64.b64encode(other).decode()}
            with pytest.raises(report_verifier.Tampered):
                report_verifier.check_as_of(past.document, changed, present.note, trust)
    told = past.document | {"solo_mode": {"on": False, "index": 10**6}}
    with pytest.raises(report_verifier.Tampered, match="does not cover"):
        report_verifier.check_as_of(told, proof, present.note, trust)
