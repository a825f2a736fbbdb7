"""A state machine over people, roles, evidence, policy, time and the signer: whatever is done in whatever order,

    released implies a complete, fresh, separate-person, same-digest set of sign-offs in the log.

The invariant is read from the log's entries alone, by a second reading of the rules that shares nothing with the gate.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from governance import auditlog
from governance.actions import emergency, people, promotion, signoff, submission, waivers
from governance.actors import API_TOKEN, SESSION, Actor
from governance.dossier import collect
from governance.exceptions import GovernanceError
from governance.models import AuditLogEntry, Condition, Membership, ModelVersion, Release, SignOff, User
from governance.signer import sign_once
from governance.signer_files import keys_folder
from portal.expiry import withdraw_expired_releases
from tests import cast
from tests.governance.light import Light, make_light, propose_light

PEOPLE = ("developer", "validator", "approver", "compliance", "administrator", "both", "twin")
ROLES = ("validator", "approver", "compliance", "developer")
DECISIONS = ("approve", "approve_conditions", "request_changes", "reject", "abstain")
NEEDED = ("validator", "approver")
VALID = timedelta(days=30)


class Clock:
    """The database's clock, which only goes forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        self.real: Callable[[], datetime] = auditlog.database_now

    def now(self) -> datetime:
        return self.real() + self.ahead


class Office(RuleBasedStateMachine):
    """One project; every rule may be refused, and none may leave the invariant broken."""

    root: User
    clock: Clock

    @initialize()
    def open(self) -> None:
        # Every example begins with an empty log, so its signer begins with an empty memory.
        shutil.rmtree(keys_folder())
        keys_folder().mkdir(mode=0o700)
        self.clock.ahead = timedelta(0)
        self.point = transaction.savepoint()
        self.light: Light = make_light(self.root)
        self.team = dict(self.light.team)
        root = cast.acting(self.root)
        for name in ("both", "twin"):
            self.team[name] = cast.make_person(f"light-{name}", name.title(), by=self.root)
        for role in ("validator", "approver"):
            people.grant_role(self.light.project, user=self.team["both"], role=role, actor=root)
        # A second login of the validator.
        User.objects.filter(pk=self.team["twin"].pk).update(person_key=self.team["validator"].person_key)
        self.team["twin"].refresh_from_db()
        people.grant_role(self.light.project, user=self.team["twin"], role="approver", actor=root)
        self.versions = [self.light.version()]
        sign_once()

    def teardown(self) -> None:
        if hasattr(self, "point"):
            transaction.savepoint_rollback(self.point)

    def attempt(self, act: Callable[[], object]) -> None:
        try:
            with transaction.atomic():
                act()
        except GovernanceError:
            pass

    def version(self, number: int) -> ModelVersion:
        return ModelVersion.objects.select_related("model__project").get(
            pk=self.versions[number % len(self.versions)].pk
        )

    def actor(self, who: str, door: str = SESSION) -> Actor:
        user = User.objects.get(pk=self.team[who].pk)
        return Actor(
            user, door, scopes=frozenset({"read", "submit", "report", "administer"}) if door == API_TOKEN else None
        )

    # --- What people do ------------------------------------------------------------------------------------

    @rule(
        number=st.integers(0, 3),
        who=st.sampled_from(PEOPLE),
        role=st.sampled_from(ROLES),
        decision=st.sampled_from(DECISIONS),
        door=st.sampled_from([SESSION, SESSION, SESSION, API_TOKEN]),
        stale=st.booleans(),
    )
    def sign(self, number: int, who: str, role: str, decision: str, door: str, stale: bool) -> None:
        version = self.version(number)
        digest = collect(self.version(number + 1) if stale else version).digest
        conditions: list[Any] = []
        if decision == "approve_conditions":
            due = self.clock.now() + timedelta(days=3)
            conditions = [{"text": "Later.", "owner": self.team["developer"], "due_at": due}]
        self.attempt(
            lambda: signoff.sign_off(
                version,
                role=role,
                decision=decision,
                meaning="M.",
                reason="R.",
                dossier_digest=digest,
                password=cast.PASSWORD,
                conditions=conditions,
                actor=self.actor(who, door),
            )
        )

    @rule(number=st.integers(0, 3))
    def sign_rightly(self, number: int) -> None:
        for role in NEEDED:
            self.attempt(partial(self.light.sign, self.version(number), role))

    @rule(number=st.integers(0, 3), who=st.sampled_from(("approver", "both", "twin", "developer")), stale=st.booleans())
    def promote(self, number: int, who: str, stale: bool) -> None:
        digest = collect(self.version(number + stale)).digest
        self.attempt(
            lambda: promotion.promote(
                self.version(number),
                environment="production",
                dossier_digest=digest,
                password=cast.PASSWORD,
                actor=self.actor(who),
            )
        )

    @rule(who=st.sampled_from(("approver", "both", "twin")))
    def roll_back(self, who: str) -> None:
        live = Release.objects.live().first()
        if live is not None:
            self.attempt(lambda: promotion.roll_back(live, reason="R.", password=cast.PASSWORD, actor=self.actor(who)))

    @rule(number=st.integers(0, 3), who=st.sampled_from(PEOPLE), p95=st.sampled_from([100.0, 100.0, 300.0]))
    def submit_evidence(self, number: int, who: str, p95: float) -> None:
        values = {"requests": 9, "p50_ms": 1.0, "p95_ms": p95, "p99_ms": 400.0, "error_rate": 0.0}
        self.attempt(
            lambda: cast.submit(
                self.version(number),
                "load_test",
                by=self.team[who],
                content={"values": values},
                observed_at=self.clock.now(),
            )
        )

    @rule()
    def register_version(self) -> None:
        if len(self.versions) < 4:
            self.versions.append(self.light.version())

    @rule(number=st.integers(0, 3))
    def submit(self, number: int) -> None:
        self.attempt(lambda: submission.submit_version(self.version(number), actor=self.actor("developer")))

    @rule(who=st.sampled_from(PEOPLE), role=st.sampled_from(ROLES))
    def grant_role(self, who: str, role: str) -> None:
        self.attempt(
            lambda: people.grant_role(self.light.project, user=self.team[who], role=role, actor=cast.acting(self.root))
        )

    @rule(which=st.integers(0, 20), for_cause=st.booleans())
    def end_role(self, which: int, for_cause: bool) -> None:
        held = list(Membership.objects.current().filter(project=self.light.project).order_by("pk"))
        if not held:
            return
        membership = held[which % len(held)]
        self.attempt(
            lambda: people.end_role(membership, reason="R.", for_cause=for_cause, actor=cast.acting(self.root))
        )

    @rule(
        number=st.integers(0, 3),
        who=st.sampled_from(("approver", "compliance", "both")),
        other=st.sampled_from(("approver", "compliance", "both")),
    )
    def run_an_emergency(self, number: int, who: str, other: str) -> None:
        version = self.version(number)
        digest = collect(version).digest

        def act() -> None:
            asked = emergency.ask_for_emergency(
                version, reason="R.", hours=3, dossier_digest=digest, password=cast.PASSWORD, actor=self.actor(who)
            )
            emergency.confirm_emergency(asked, dossier_digest=digest, password=cast.PASSWORD, actor=self.actor(other))

        self.attempt(act)

    @rule(number=st.integers(0, 3))
    def waive(self, number: int) -> None:
        until = self.clock.now() + timedelta(days=5)
        self.attempt(
            lambda: waivers.grant_waiver(
                self.version(number),
                finding_key="criterion:R-1.1",
                reason="R.",
                expires_at=until,
                password=cast.PASSWORD,
                actor=self.actor("compliance"),
            )
        )

    @rule()
    def fulfil(self) -> None:
        condition = Condition.objects.filter(fulfilled_at=None).first()
        if condition is not None:
            self.attempt(
                lambda: signoff.fulfil_condition(
                    condition, how="H.", password=cast.PASSWORD, actor=self.actor("validator")
                )
            )

    @rule(who=st.sampled_from(("administrator", "both", "approver")))
    def overrule(self, who: str) -> None:
        refused = SignOff.objects.filter(decision__in=("reject", "request_changes"), overrule=None).first()
        if refused is not None:
            self.attempt(
                lambda: signoff.overrule_refusal(
                    refused, role="administrator", reason="R.", password=cast.PASSWORD, actor=self.actor(who)
                )
            )

    @rule(more=st.sampled_from(["", "order: sequential", "open_questions: block"]))
    def change_policy(self, more: str) -> None:
        self.attempt(lambda: propose_light(self.light.project, self.team, more=more))

    @rule(hours=st.sampled_from([1, 4, 30, 24 * 16]))
    def let_time_pass(self, hours: int) -> None:
        sign_once()
        self.clock.ahead += timedelta(hours=hours)
        withdraw_expired_releases()

    @rule()
    def restart_the_signer(self) -> None:
        sign_once()

    # --- What must hold ------------------------------------------------------------------------------------

    @invariant()
    def released_implies_complete_fresh_separate_signatures(self) -> None:
        if not hasattr(self, "light"):
            return
        live = list(Release.objects.live())
        assert len({(release.model_id, release.environment) for release in live}) == len(live)
        entries = [
            json.loads(bytes(body)) for body in AuditLogEntry.objects.order_by("index").values_list("body", flat=True)
        ]
        keys = dict(User.objects.values_list("pk", "person_key"))
        for release in live:
            made = entries[release.log_index]
            if made["type"] == "version.promoted_in_emergency":
                self.check_emergency(made, entries, keys)
            else:
                self.check_release(made, entries, keys)

    def check_emergency(self, made: dict[str, Any], entries: list[Any], keys: dict[int, str]) -> None:
        asked = next(
            item
            for item in entries
            if item["type"] == "emergency.asked" and item["subject"]["id"] == made["data"]["request"]
        )
        assert keys[asked["actor"]["id"]] != keys[made["actor"]["id"]]
        assert moment(made["data"]["expires_at"]) <= moment(made["at"]) + timedelta(hours=72)

    def check_release(self, made: dict[str, Any], entries: list[Any], keys: dict[int, str]) -> None:
        version = next(item["id"] for item in made["related"] if item["kind"] == "version")
        before = entries[: made["index"]]
        touched = contributors(before, version, keys)
        last: dict[tuple[str, str], Any] = {}
        overruled = {item["subject"]["id"] for item in before if item["type"] == "sign_off.overruled"}
        for item in before:
            if item["type"] == "sign_off.given" and names(item, version):
                last[keys[item["data"]["signer"]], item["data"]["role"]] = item
        standing = [item for item in last.values() if item["data"]["decision"] in ("reject", "request_changes")]
        if made["type"] == "version.promoted":
            assert all(item["subject"]["id"] in overruled for item in standing)
        filled: dict[str, set[str]] = {role: set() for role in NEEDED}
        for item in before:
            data = item["data"]
            if (
                item["type"] != "sign_off.given"
                or not names(item, version)
                or data["dossier"] != made["data"]["dossier"]
            ):
                continue
            person = keys[data["signer"]]
            is_fresh = moment(item["at"]) + VALID >= moment(made["at"])
            is_personal = item["actor"]["authentication"] == SESSION and person not in touched
            if data["decision"].startswith("approve") and data["role"] in filled and is_fresh and is_personal:
                filled[data["role"]].add(person)
        assert any(one != other for one in filled["validator"] for other in filled["approver"]), (filled, touched)
        assert keys[made["actor"]["id"]] not in touched


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def names(entry: dict[str, Any], version: int) -> bool:
    return any((item["kind"], item["id"]) == ("version", version) for item in (entry["subject"], *entry["related"]))


def contributors(entries: list[Any], version: int, keys: dict[int, str]) -> set[str]:
    """Who uploaded to, submitted, waived for or described this version, by its entries."""
    deeds = {"version.registered", "version.submitted", "evidence.submitted", "waiver.granted"}
    return {keys[item["actor"]["id"]] for item in entries if item["type"] in deeds and names(item, version)}


def run(root: User, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    clock = Clock()
    for module in ("auditlog", "dossier", "permits", "sealing", "actions.evidence", "actions.emergency"):
        monkeypatch.setattr(f"governance.{module}.database_now", clock.now, raising=False)
    monkeypatch.setattr("portal.expiry.database_now", clock.now)
    Office.root, Office.clock = root, clock
    limits = settings(
        max_examples=max(1, steps // 50),
        stateful_step_count=50,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Office, settings=limits)


@pytest.mark.django_db
def test_released_implies_signed(organisation_administrator: User, keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run(organisation_administrator, monkeypatch, int(os.environ.get("COUNTERSIGN_STEPS", "300")))


@pytest.mark.soak
@pytest.mark.django_db
def test_released_implies_signed_for_long(
    organisation_administrator: User, keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(organisation_administrator, monkeypatch, int(os.environ.get("COUNTERSIGN_STEPS", "20000")))
