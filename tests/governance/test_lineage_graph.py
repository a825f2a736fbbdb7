"""The lineage picture: what it tells, and that nothing a user wrote is code in it."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import replace

import pytest

from governance.actions import catalog, lineage
from governance.dossier import collect
from governance.lineage_graph import describe, draw
from tests import cast

NASTY = 'a"]; evil [label="x\\" <script>alert(1)</script> & \\N'


def test_graph_leads_from_data_through_the_version_to_evaluations(ready_version) -> None:
    text = describe(collect(ready_version))
    used = {use.role: use.dataset_version_id for use in ready_version.dataset_uses.all()}
    audit = ready_version.evaluations.get(kind="bias_audit").pk

    assert f'data{used["training"]} -> data{used["test"]} [label="every second row"];' in text
    assert f'data{used["test"]} -> version [label="test"];' in text
    assert f'version -> evaluation{audit} [label="on test data"];' in text
    assert 'version [label="Readmission triage v1\\naaaaaaaaaaaa", class="subject"];' in text


def test_names_are_quoted_and_shortened(model, developer) -> None:
    actor = cast.acting(developer)
    version = catalog.register_version(model, training_code=NASTY, actor=actor)
    dataset = lineage.register_dataset(model.project, name="b" * 100, personal_data="none", actor=actor)
    data = lineage.register_dataset_version(dataset, digest=cast.ARTIFACT, row_count=1, actor=actor)
    lineage.declare_dataset_use(version, dataset_version=data, role="test", actor=actor)
    text = describe(collect(version))

    assert 'code [label="a\\"]; evil [label=\\"x\\\\\\" <script>ale…\\ntraining code", class="origin"];' in text
    assert "b" * 33 + "…" in text


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed; make test installs it")
def test_drawing_holds_user_text_only_as_text(model, developer) -> None:
    version = catalog.register_version(model, training_code=NASTY, actor=cast.acting(developer))
    drawing = draw(collect(version))

    assert "&lt;script&gt;" in drawing
    assert "<script" not in drawing
    assert 'class="node subject"' in drawing


def test_without_graphviz_nothing_is_drawn(version, monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)

    assert draw(collect(version)) == ""


def test_program_that_hangs_or_fails_draws_nothing(version, monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: "/bin/false")
    assert draw(collect(version)) == ""

    def hang(*_given: object, **_named: object) -> None:
        raise subprocess.TimeoutExpired("dot", 10)

    monkeypatch.setattr("subprocess.run", hang)
    assert draw(collect(version)) == ""


def test_more_derivations_than_can_be_drawn_in_time_are_left_to_the_table(ready_version) -> None:
    """Derivations that all cross each other would keep the program busy for seconds at every look at the page."""
    dossier = collect(ready_version)
    (only,) = dossier.derivations
    dense = tuple(
        replace(only, derived_id=later, derived=f"d{later}", source_id=earlier, source=f"d{earlier}")
        for later in range(1, 40)
        for earlier in range(later)
    )
    started = time.monotonic()
    assert draw(replace(dossier, derivations=dense)) == ""
    assert time.monotonic() - started < 1


def test_recalled_data_stands_out(version, developer) -> None:
    data = version.dataset_uses.get(role="training").dataset_version
    assert "recalled" not in describe(collect(version))
    lineage.recall_dataset_version(data, reason="The wrong clinic.", actor=cast.acting(developer))
    text = describe(collect(version))

    assert text.count('class="data recalled"') == 1
    assert f'data{data.pk} [label="' in text
