"""Frameworks are loaded by who speaks for the organisation, corrected by a next text, and never rewritten."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from governance.actions import frameworks
from governance.exceptions import Duplicate, InvalidInput, NotPermitted, TransitionNotAllowed
from governance.frameworks.catalogue import shipped_texts
from governance.frameworks_in_force import all_facts, find_fact, frameworks_in_force
from governance.management.commands.load_framework import load_new_shipped_frameworks
from governance.models import AuditLogEntry, FrameworkEdition, User
from governance.policy_text import PolicyFault
from tests import cast
from tests.governance.framework_texts import SMALL, load

pytestmark = pytest.mark.django_db


def test_corrected_text_is_the_next_of_the_same_framework():
    first = load(SMALL)
    second = load(SMALL.replace("Say what it is for", "Say plainly what it is for"))
    assert (first.number, second.number) == (1, 2)
    assert [control.gist[:11] for control in frameworks_in_force()["house-rules"].controls][0] == "Say plainly"
    with pytest.raises(Duplicate, match="exactly this text"):
        load(second.text)


def test_two_editions_stand_side_by_side():
    load(SMALL)
    load(SMALL.replace('id: "house-rules"', 'id: "house-rules-2"').replace("First edition", "Second edition"))
    assert {item.edition for item in frameworks_in_force().values()} == {"First edition", "Second edition"}


def test_withdrawn_framework_is_in_force_no_more_and_can_come_back(organisation_administrator):
    edition = load(SMALL)
    actor = cast.acting(organisation_administrator)
    frameworks.withdraw_framework(edition, reason="Replaced.", actor=actor)
    assert frameworks_in_force() == {}
    with pytest.raises(TransitionNotAllowed):
        frameworks.withdraw_framework(edition, reason="Again.", actor=actor)
    assert load(SMALL).number == 2
    assert "house-rules" in frameworks_in_force()


@pytest.mark.parametrize("role", ["administrator", "compliance", "developer"])
def test_project_roles_do_not_speak_for_the_organisation(request, role):
    user: User = request.getfixturevalue(role)
    with pytest.raises(NotPermitted):
        frameworks.load_framework(SMALL, actor=cast.acting(user))
    with pytest.raises(NotPermitted):
        frameworks.withdraw_framework(load(SMALL), reason="No.", actor=cast.acting(user))


def test_fault_is_told_with_its_line_and_nothing_is_kept(organisation_administrator):
    with pytest.raises(PolicyFault, match="Line 6, “kind”"):
        frameworks.load_framework(SMALL.replace("internal", "rumour"), actor=cast.acting(organisation_administrator))
    assert not FrameworkEdition.objects.exists()
    assert not AuditLogEntry.objects.filter(type="framework.loaded").exists()


def test_fact_of_the_house_is_known_while_its_framework_stands(organisation_administrator):
    with pytest.raises(InvalidInput):
        find_fact("private.ethics_vote")
    edition = load(SMALL)
    assert find_fact("private.ethics_vote").type == "text"
    assert "private.ethics_vote" in all_facts()
    frameworks.withdraw_framework(edition, reason="Over.", actor=cast.acting(organisation_administrator))
    with pytest.raises(InvalidInput):
        find_fact("private.ethics_vote")


def test_text_that_was_loaded_cannot_be_rewritten_by_sql():
    edition = load(SMALL)
    with pytest.raises(DatabaseError), transaction.atomic():
        FrameworkEdition.objects.filter(pk=edition.pk).update(text=SMALL.replace("must", "may"))


# --- The command ----------------------------------------------------------------------------------


def test_command_loads_what_ships_once():
    assert load_new_shipped_frameworks() == len(shipped_texts())
    assert load_new_shipped_frameworks() == 0
    assert FrameworkEdition.objects.filter(is_shipped=True).count() == len(shipped_texts())


def test_what_somebody_withdrew_does_not_come_back_by_itself(organisation_administrator):
    load_new_shipped_frameworks()
    edition = FrameworkEdition.objects.get(key="nyc-ll144")
    frameworks.withdraw_framework(edition, reason="No hiring.", actor=cast.acting(organisation_administrator))
    assert load_new_shipped_frameworks() == 0


def test_command_loads_a_file_and_says_so(tmp_path: Path):
    (tmp_path / "house.yaml").write_text(SMALL)
    out = StringIO()
    call_command("load_framework", str(tmp_path / "house.yaml"), check=True, stdout=out)
    assert not FrameworkEdition.objects.exists()
    call_command("load_framework", str(tmp_path / "house.yaml"), stdout=out)
    call_command("load_framework", str(tmp_path / "house.yaml"), stdout=out)
    said = out.getvalue()
    assert "2 controls, can be loaded" in said
    assert "loaded as house-rules, text 1" in said
    assert "stands already" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [(SMALL.replace("internal", "rumour"), "Line 6"), (b"\xff\xfe\x00", "cannot be read"), (None, "cannot be read")],
)
def test_command_says_what_is_wrong_with_a_file(tmp_path: Path, content, said):
    path = tmp_path / "house.yaml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CommandError, match=said):
        call_command("load_framework", str(path))


def test_command_wants_to_be_told_what():
    with pytest.raises(CommandError, match="Name files"):
        call_command("load_framework")
