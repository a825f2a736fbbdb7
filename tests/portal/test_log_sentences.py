"""Every type of entry that governance appends has a sentence, found by reading the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governance.models import AuditLogEntry, User
from portal.log_sentences import SENTENCES, TITLES, tell, tell_body, title_of
from portal.presentation import ENTRY_ICON_OTHERWISE, icon_of_entry
from tests import cast

GOVERNANCE = Path(__file__).resolve().parents[2] / "governance"
TYPE = re.compile(r"[a-z_]+\.[a-z_]+")


def list_modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(GOVERNANCE.rglob("*.py")):
        if "migrations" not in path.parts:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def list_calls(tree: ast.AST, name: str) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == name]


def list_functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def find_types(tree: ast.Module) -> Iterator[tuple[ast.Call, list[str]]]:
    """Each call of auditlog.append with the types it can have: its own word, or those its function is called with."""
    for function in list_functions(tree):
        for call in list_calls(function, "auditlog.append"):
            first = call.args[0]
            if isinstance(first, ast.Constant):
                yield call, [str(first.value)]
            elif isinstance(first, ast.Subscript):
                yield call, values_of(tree, ast.unparse(first.value))
            elif isinstance(first, ast.Name):
                position = [argument.arg for argument in function.args.args].index(first.id)
                passed = [caller.args[position] for caller in list_calls(tree, function.name)]
                yield call, [str(word.value) for word in passed if isinstance(word, ast.Constant)]


def values_of(tree: ast.Module, name: str) -> list[str]:
    """The texts in a table of the module, such as the one of the kinds of release."""
    tables = [node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name]
    return [str(value.value) for table in tables for value in table.values]  # type: ignore[attr-defined]


def list_refusals(tree: ast.Module) -> list[str]:
    """The types with which ``record_refusal`` is put around actions."""
    return [str(call.args[0].value) for call in list_calls(tree, "record_refusal")]  # type: ignore[attr-defined]


def all_types() -> set[str]:
    trees = [tree for _path, tree in list_modules()]
    appended = {found for tree in trees for _call, types in find_types(tree) for found in types}
    return appended | {found for tree in trees for found in list_refusals(tree)}


def test_every_append_in_governance_names_its_type() -> None:
    unnamed = [
        f"{path.name}:{call.lineno}"
        for path, tree in list_modules()
        for call, types in find_types(tree)
        if path.name != "refusals.py"  # its type is that of the action it is put around
        if not types or not all(TYPE.fullmatch(found) for found in types)
    ]
    assert unnamed == []


def test_every_type_has_a_title_and_a_sentence_and_no_more() -> None:
    types = all_types()

    assert len(types) >= 30
    assert set(TITLES) == types
    assert {key.partition(":")[0] for key in SENTENCES} == types


def test_every_type_has_an_icon() -> None:
    assert [found for found in sorted(all_types()) if icon_of_entry(found) == ENTRY_ICON_OTHERWISE] == []


@pytest.mark.parametrize("key", sorted(SENTENCES))
def test_sentence_can_be_told_even_of_an_entry_that_holds_little(key: str) -> None:
    entry_type, _colon, variant = key.partition(":")
    data: dict[str, Any] = {"decision": variant, "kind": variant, "revision": variant} if variant else {}
    actor = {"name": "Ada Lindqvist"}
    body = {"type": entry_type, "actor": actor, "subject": {"kind": "x", "label": "this"}, "related": [], "data": data}

    sentence = tell_body(body)

    assert sentence.endswith(".")
    assert "%" not in sentence


def test_unknown_type_is_shown_as_it_is() -> None:
    subject = {"kind": "planet", "label": "Mars"}
    body = {"type": "planet.moved", "actor": {"name": "Ada"}, "subject": subject, "related": [], "data": {}}

    assert tell_body(body) == "Ada recorded “planet.moved” about Mars."
    assert title_of("planet.moved") == "planet.moved"


def test_sentences_of_a_release_read_aloud(ready_version, signers, developer) -> None:
    signature = cast.sign(ready_version, signers[0][0], "validator")
    told = {entry.type: tell(entry) for entry in AuditLogEntry.objects.order_by("index")}

    assert signature.log_index is not None
    assert told["sign_off.given"] == "Viktor Hahn approved Readmission triage v1 as validator."
    assert told["proof_of_concept.decided"] == (
        "Adele Brandt decided on the proof of concept of Readmission triage: go."
    )
    assert told["evaluation.completed"] == "The explanation of Readmission triage v1 was completed."
    assert told["version.submitted"] == "Dana Whitfield submitted Readmission triage v1 for review."
    assert told["membership.granted"] == "Ruth Oduya made Amir Rahimi approver in Patient pathways."
    assert told["requirement.written"] == "Dana Whitfield wrote requirement R-2 Selects alike for Readmission triage."


def test_sentence_keeps_the_name_of_then(validator: User, ready_version) -> None:
    signature = cast.sign(ready_version, validator, "validator", "request_changes")
    User.objects.filter(pk=validator.pk).update(full_name="Viktor Renamed")

    assert signature.log_index is not None
    entry = AuditLogEntry.objects.get(pk=signature.log_index)
    assert tell(entry) == "Viktor Hahn asked for changes to Readmission triage v1 as validator."
