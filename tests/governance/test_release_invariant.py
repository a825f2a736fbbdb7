"""A state machine over people, roles, evidence, policy, time and the signer: whatever is done in whatever order,

    released implies a complete, fresh, separate-person, same-digest set of sign-offs in the log.

The invariant is read from the log's entries alone, by a second reading of the rules that shares nothing with the gate.

A step goes through the real actions, dozens of queries, and takes 30 to 40 ms of processor time on SQLite (measured:
1,501 steps in 45 s, 1,001 in 42 s on a busy machine). So every run takes 2,000 steps (500 on PostgreSQL) and
``make soak`` 20,000. COUNTERSIGN_STEPS asks for more: two million take about a day.
"""

from __future__ import annotations

import copy
import gc
import math
import os
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from governance import auditlog
from governance.actions import delegations, emergency, people, promotion, signoff, submission, waivers
from governance.actors import API_TOKEN, SESSION, Actor
from governance.dossier import collect
from governance.exceptions import GovernanceError
from governance.models import Condition, Membership, ModelVersion, Release, Role, SignOff, User
from governance.signer import sign_once
from governance.signer_files import keys_folder
from portal.expiry import withdraw_expired_releases
from tests import cast
from tests.governance.light import Light, make_light, propose_light
from tests.governance.second_reading import SecondReading

PEOPLE = ("developer", "validator", "approver", "compliance", "administrator", "both", "twin")
# Only these may bring evidence, and who brings some must not sign: a wider choice would mostly be refused.
EXAMINERS = ("developer", "both", "validator", "compliance")
REFUSING = (("compliance", "compliance"), ("validator", "validator"), ("both", "approver"))
ROLES = ("validator", "approver", "compliance", "developer")
STEPS, STEPS_OF_SOAK, STEPS_OF_AN_EXAMPLE = 2_000, 20_000, 50
DECISIONS = ("approve", "approve_conditions", "request_changes", "reject", "abstain")


class Clock:
    """The database's clock, which only goes forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        self.real: Callable[[], datetime] = auditlog.database_now

    def now(self) -> datetime:
        return self.real() + self.ahead


class World:
    """What every example begins with, made once: people with roles, a version in review, a log with its first seal."""

    def __init__(self, root: User, kept: Path) -> None:
        self.light: Light = make_light(root)
        self.root, self.kept = root, kept
        self.team = dict(self.light.team)
        for name in ("both", "twin"):
            self.team[name] = cast.make_person(f"light-{name}", name.title(), by=root)
        for role in ("validator", "approver"):
            people.grant_role(self.light.project, user=self.team["both"], role=role, actor=cast.acting(root))
        # A second login of the validator.
        User.objects.filter(pk=self.team["twin"].pk).update(person_key=self.team["validator"].person_key)
        self.team["twin"].refresh_from_db()
        people.grant_role(self.light.project, user=self.team["twin"], role="approver", actor=cast.acting(root))
        self.versions = [self.light.version()]
        sign_once()
        shutil.copytree(keys_folder(), kept)

    def put_keys_back(self) -> None:
        """The signer remembers what every example begins with, and nothing of the example before."""
        shutil.rmtree(keys_folder())
        shutil.copytree(self.kept, keys_folder())


class Office(RuleBasedStateMachine):
    """One project; every rule may be refused, and none may leave the invariant broken."""

    world: World
    clock: Clock
    taken: ClassVar[Counter[str]] = Counter()
    steps: ClassVar[int] = 0

    @initialize(has_released=st.booleans())
    def open(self, has_released: bool) -> None:
        """Half of the examples begin with a version that was released by the book."""
        self.point = transaction.savepoint()
        self.world.put_keys_back()
        self.clock.ahead = timedelta(0)
        self.light, self.team, self.versions = copy.deepcopy((self.world.light, self.world.team, self.world.versions))
        self.reading = SecondReading()
        self.digests: dict[tuple[int, int], str] = {}
        if has_released:
            self.release(0, "approver", "nothing")

    def teardown(self) -> None:
        if hasattr(self, "point"):
            try:
                self.reading.read_all_again()
            finally:
                transaction.savepoint_rollback(self.point)
            self.taken.update(self.reading.counts)

    def attempt(self, act: Callable[[], object]) -> None:
        """As a door does: whatever is refused is over, and its refusal stays in the log."""
        try:
            act()
        except GovernanceError:
            pass

    def root(self) -> Actor:
        return cast.acting(self.world.root)

    def version(self, number: int) -> ModelVersion:
        return ModelVersion.objects.select_related("model__project").get(
            pk=self.versions[number % len(self.versions)].pk
        )

    def digest(self, version: ModelVersion) -> str:
        """What a person reads on the page; read again when an entry was added, as nothing changes without one."""
        at = (version.pk, self.reading.catch_up())
        if at not in self.digests:
            self.digests[at] = collect(version).digest
        return self.digests[at]

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
        digest = self.digest(self.version(number + 1) if stale else version)
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
        for role in ("validator", "approver"):
            version = self.version(number)
            self.attempt(partial(self.light.sign, version, role, dossier_digest=self.digest(version)))

    @rule(
        number=st.integers(0, 3), who=st.sampled_from(REFUSING), decision=st.sampled_from(("reject", "request_changes"))
    )
    def refuse(self, number: int, who: tuple[str, str], decision: str) -> None:
        self.sign(number, who[0], who[1], decision, SESSION, False)

    @rule(
        number=st.integers(0, 3),
        who=st.sampled_from(("approver", "both")),
        after=st.sampled_from(("nothing", "touching", "a refusal")),
    )
    def release(self, number: int, who: str, after: str) -> None:
        """Everything that a release needs, in order; before it, perhaps, something that must forbid it."""
        if number >= len(self.versions):
            self.register_version()
        if after == "touching":
            self.submit_evidence(number, who, 100.0)
        self.submit(number)
        if after == "a refusal":
            self.sign(number, "compliance", "compliance", "request_changes", SESSION, False)
            self.submit(number)
        self.sign_rightly(number)
        self.promote(number, who, False)
        sign_once()

    @rule(number=st.integers(0, 3), who=st.sampled_from(("approver", "both", "twin", "developer")), stale=st.booleans())
    def promote(self, number: int, who: str, stale: bool) -> None:
        digest = self.digest(self.version(number + stale))
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

    @rule(number=st.integers(0, 3), who=st.sampled_from(EXAMINERS), p95=st.sampled_from([100.0, 100.0, 300.0]))
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
            self.attempt(lambda: self.versions.append(self.light.version()))

    @rule(number=st.integers(0, 3))
    def submit(self, number: int) -> None:
        self.attempt(lambda: submission.submit_version(self.version(number), actor=self.actor("developer")))

    @rule(who=st.sampled_from(PEOPLE), role=st.sampled_from(ROLES))
    def grant_role(self, who: str, role: str) -> None:
        self.attempt(
            lambda: people.grant_role(
                self.light.project, user=self.team[who], role=role, actor=cast.acting(self.world.root)
            )
        )

    @rule()
    def fill_empty_seats(self) -> None:
        """Whoever lost their role gets it back, and a second administrator confirms it."""
        for role in Role.values:
            held = Membership.objects.current().filter(project=self.light.project, role=role)
            if not held.exists():
                self.grant_role(role, role)
                self.attempt(partial(self.confirm, role))

    def confirm(self, role: str) -> None:
        given = Membership.objects.current().get(project=self.light.project, role=role, user=self.team[role])
        delegations.confirm_role(given, password=cast.PASSWORD, actor=self.actor("administrator"))

    @rule(which=st.integers(0, 20), for_cause=st.booleans())
    def end_role(self, which: int, for_cause: bool) -> None:
        held = list(Membership.objects.current().filter(project=self.light.project).order_by("pk"))
        if not held:
            return
        membership = held[which % len(held)]
        self.attempt(lambda: people.end_role(membership, reason="R.", for_cause=for_cause, actor=self.root()))

    @rule(
        number=st.integers(0, 3),
        who=st.sampled_from(("approver", "compliance", "both")),
        other=st.sampled_from(("approver", "compliance", "both")),
    )
    def run_an_emergency(self, number: int, who: str, other: str) -> None:
        version = self.version(number)
        digest = self.digest(version)

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
        if hasattr(self, "reading"):
            Office.steps += 1
            self.reading.catch_up()
            self.reading.check_live(list(Release.objects.live()))


def run(root: User, monkeypatch: pytest.MonkeyPatch, kept: Path, steps: int) -> None:
    clock = Clock()
    for module in ("auditlog", "dossier", "permits", "sealing", "actions.evidence", "actions.emergency"):
        monkeypatch.setattr(f"governance.{module}.database_now", clock.now, raising=False)
    monkeypatch.setattr("portal.expiry.database_now", clock.now)
    Office.world, Office.clock, Office.steps, Office.taken = World(root, kept), clock, 0, Counter()
    limits = settings(
        # The first example is the simplest one and ends at once.
        max_examples=math.ceil(steps / STEPS_OF_AN_EXAMPLE) + 1,
        stateful_step_count=STEPS_OF_AN_EXAMPLE,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    # What the libraries have loaded need not be looked through again and again: an eighth of the time.
    gc.freeze()
    try:
        run_state_machine_as_test(Office, settings=limits)
    finally:
        gc.unfreeze()
    # Some examples end before their last step; as many as asked would mean to begin again.
    assert Office.steps >= 0.8 * steps


@pytest.mark.django_db
def test_released_implies_signed(
    organisation_administrator: User, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = STEPS if connection.vendor == "sqlite" else STEPS // 4
    run(organisation_administrator, monkeypatch, tmp_path / "kept", int(os.environ.get("COUNTERSIGN_STEPS", steps)))
    # It is no use to keep an invariant by releasing nothing.
    assert Office.taken["version.promoted"], Office.taken


@pytest.mark.soak
@pytest.mark.django_db
def test_released_implies_signed_for_long(
    organisation_administrator: User, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = int(os.environ.get("COUNTERSIGN_STEPS", STEPS_OF_SOAK))
    run(organisation_administrator, monkeypatch, tmp_path / "kept", steps)
