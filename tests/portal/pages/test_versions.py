"""The version page: one look tells where a version stands, and every tab reads the same dossier."""

from __future__ import annotations

import shutil

import pytest

from governance import runner
from governance.actions import catalog, evaluations, lineage, reports, requirements, submission
from governance.dossier import collect
from governance.models import Evaluation
from tests import cast
from tests.portal.pages.browsing import browse, count_queries, text_of

TABS = ("gate", "requirements", "evidence", "audits", "explanations", "lineage", "sign-offs", "reports", "log")


def test_every_tab_names_the_digest_and_the_verdict(ready_version, auditor) -> None:
    client, digest = browse(auditor), collect(ready_version).digest
    answers = {tab: client.get(f"/versions/{ready_version.pk}/?tab={tab}") for tab in TABS}

    assert {tab: answer["Cache-Control"] for tab, answer in answers.items()} == dict.fromkeys(TABS, "no-store, private")
    for words in (digest, "Gate closed: 3 findings", "only sign-offs are lacking"):
        assert {tab for tab, answer in answers.items() if words in text_of(answer)} == set(TABS)


def test_every_tab_of_an_empty_draft_is_shown(model, developer) -> None:
    draft = catalog.register_version(model, actor=cast.acting(developer))
    client = browse(developer)
    answers = {tab: client.get(f"/versions/{draft.pk}/?tab={tab}").status_code for tab in TABS}

    assert answers == dict.fromkeys(TABS, 200)


def test_unknown_tab_shows_the_gate(version, developer) -> None:
    answer = browse(developer).get(f"/versions/{version.pk}/?tab=../secrets")

    assert answer.status_code == 200
    assert "What keeps the gate closed" in text_of(answer)


def test_gate_lists_gaps_before_what_is_settled_with_links_to_what_was_judged(ready_version, auditor) -> None:
    page = text_of(browse(auditor).get(f"/versions/{ready_version.pk}/"))
    audit = ready_version.evaluations.get(kind="bias_audit")

    assert (
        page.index("What keeps the gate closed") < page.index("Nobody independent has signed") < page.index("Settled")
    )
    assert f'href="/evaluations/{audit.pk}/"' in page
    assert "Measured 0.95" in page


def test_requirement_is_traced_to_criterion_evidence_and_verdict(ready_version, auditor) -> None:
    page = text_of(browse(auditor).get(f"/versions/{ready_version.pk}/?tab=requirements"))
    audit = ready_version.evaluations.get(kind="bias_audit")

    for words in ("R-2", "Selects alike", "demographic parity difference at most 0.25", "by sex", "Met"):
        assert words in page
    assert f'href="/evaluations/{audit.pk}/"' in page


def test_superseded_evidence_stays_listed_and_marked(version, developer, auditor) -> None:
    old = cast.submit(version, "document", by=developer, title="Card", file=[b"1"], file_name="card.md")
    cast.submit(version, "document", by=developer, title="Card 2", file=[b"2"], file_name="card.md", supersedes=old)
    page = text_of(browse(auditor).get(f"/versions/{version.pk}/?tab=evidence"))

    assert ">Card<" in page
    assert ">Card 2<" in page
    assert page.count("Superseded") == 1


def test_audit_shows_every_group_with_counts_intervals_and_charts_with_tables(ready_version, auditor) -> None:
    page = text_of(browse(auditor).get(f"/versions/{ready_version.pk}/?tab=audits"))

    for words in ("sex=female", "sex=male", "Selection rate", "Demographic parity difference", "Show as table"):
        assert words in page
    assert page.count("data-chart=") >= 3


def test_explanation_says_who_computed_and_what_was_verified(ready_version, auditor) -> None:
    page = text_of(browse(auditor).get(f"/versions/{ready_version.pk}/?tab=explanations"))

    assert "Computed by submitter, additivity verified on 100 of 100 rows." in page
    assert "Importance of features" in page


def test_failed_audit_says_why_and_a_waiting_one_asks_again(version, developer, auditor) -> None:
    wrong = cast.submit(version, "predictions", by=developer, file=[b"a,b\n1,2\n"], file_name="p.csv")
    spec = cast.PREDICTIONS_SPEC
    failed = evaluations.request_evaluation(
        version, kind="bias_audit", evidence=wrong, spec=spec, actor=cast.acting(developer)
    )
    runner.run(failed.pk)
    waiting = evaluations.request_evaluation(
        version, kind="bias_audit", evidence=wrong, spec=spec, dataset_role="training", actor=cast.acting(developer)
    )
    page = text_of(browse(auditor).get(f"/versions/{version.pk}/?tab=audits"))

    assert "This evaluation failed" in page
    assert "y_true" in page
    assert f'hx-get="/evaluations/{waiting.pk}/progress/"' in page


def test_lineage_is_drawn_and_stands_in_tables(ready_version, auditor) -> None:
    page = text_of(browse(auditor).get(f"/versions/{ready_version.pk}/?tab=lineage"))

    assert "every second row" in page
    assert "Readmission triage data 1 v2" in page
    assert ("<svg" in page.partition("lineage-canvas")[2]) == (shutil.which("dot") is not None)


def test_lineage_without_graphviz_keeps_its_tables(ready_version, auditor, monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    page = text_of(browse(auditor).get(f"/versions/{ready_version.pk}/?tab=lineage"))

    assert "Graphviz is not installed" in page
    assert "every second row" in page


def test_sign_offs_show_who_role_meaning_time_and_what_made_them_stale(
    ready_version, validator, developer, auditor
) -> None:
    cast.sign(ready_version, validator, "validator", meaning="I re-ran everything.")
    address = f"/versions/{ready_version.pk}/?tab=sign-offs"
    client = browse(auditor)
    current = text_of(client.get(address))
    cast.submit(ready_version, "document", by=developer, title="Late card", file=[b"x"], file_name="card.md")
    stale = text_of(client.get(address))

    for words in ("Viktor Hahn", "I re-ran everything.", "UTC", "Current"):
        assert words in current
    assert "evidence: Late card (new)" in stale
    assert "Current" not in stale.partition("Given")[2]


def test_refusal_stays_visible(ready_version, validator, auditor) -> None:
    cast.sign(ready_version, validator, "validator", decision="request_changes", reason="The report is thin.")
    page = text_of(browse(auditor).get(f"/versions/{ready_version.pk}/?tab=sign-offs"))

    assert "Changes requested" in page
    assert "The report is thin." in page


def test_report_that_is_being_made_is_watched_until_it_is_there(ready_version, auditor) -> None:
    client = browse(auditor)
    address = f"/versions/{ready_version.pk}/?tab=reports"
    assert "No report yet" in text_of(client.get(address))
    reports.request_report(ready_version, actor=cast.acting(auditor))

    assert 'hx-trigger="every 3s"' in text_of(client.get(address))


def test_log_tells_what_was_done_newest_first(ready_version, auditor) -> None:
    page = text_of(browse(auditor).get(f"/versions/{ready_version.pk}/?tab=log"))
    submitted, registered = "submitted Readmission triage v1 for review", "registered the model version"

    assert page.index(submitted) < page.index(registered)


def button(page: str, step: str, version: int) -> bool:
    return f'href="/versions/{version}/{step}/"' in page


def test_buttons_follow_role_state_and_separation_of_duties(
    ready_version, developer, validator, approver, auditor, compliance, signers
) -> None:
    pk, address = ready_version.pk, f"/versions/{ready_version.pk}/"
    shown = {
        user.username: {
            step
            for step in ("sign", "promote", "submit", "retire")
            if button(text_of(browse(user).get(address)), step, pk)
        }
        for user in (developer, validator, compliance, approver, auditor)
    }
    cast.sign_by_all(ready_version, signers)

    assert shown == {"dana": set(), "viktor": {"sign"}, "carla": {"sign"}, "amir": {"sign"}, "aoife": set()}
    assert button(text_of(browse(approver).get(address)), "promote", pk)
    assert not button(text_of(browse(validator).get(address)), "promote", pk)


def test_contributor_with_a_signing_role_sees_why_there_is_no_button(
    ready_version, validator, organisation_administrator
) -> None:
    requirements.write_requirement(ready_version.model, title="Mine", statement="s", actor=cast.acting(validator))
    client = browse(validator)

    assert not button(text_of(client.get(f"/versions/{ready_version.pk}/")), "sign", ready_version.pk)
    assert "You contributed to this dossier" in text_of(client.get(f"/versions/{ready_version.pk}/?tab=sign-offs"))


def test_waive_is_offered_to_compliance_only_and_never_for_sign_offs(
    model_with_go, developer, compliance, auditor
) -> None:
    version = cast.register_version(model_with_go, developer)
    submission.submit_version(version, actor=cast.acting(developer))
    address = f"/versions/{version.pk}/"
    page = text_of(browse(compliance).get(address))

    assert f"{address}waive/?finding=evidence%3Apredictions" in page
    assert "finding=sign_off" not in page
    assert "/waive/" not in text_of(browse(auditor).get(address))


def test_tabs_ask_as_often_with_three_items_as_with_one(ready_version, developer, auditor) -> None:
    client, actor = browse(auditor), cast.acting(developer)
    grow(ready_version, actor, 0)
    with_one = {tab: count_queries(client, f"/versions/{ready_version.pk}/?tab={tab}") for tab in TABS}
    for number in (1, 2):
        grow(ready_version, actor, number)

    assert {tab: count_queries(client, f"/versions/{ready_version.pk}/?tab={tab}") for tab in TABS} == with_one


def grow(version, actor, number: int) -> None:
    """One more of everything a tab lists."""
    requirement = requirements.write_requirement(
        version.model,
        title=f"More {number}",
        statement="s",
        criteria=[{"metric": "tpr", "comparator": "at_least", "threshold": "0.1"}],
        actor=actor,
    )
    cast.submit(
        version,
        "document",
        by=actor.user,
        title=f"D{number}",
        file=[b"%d" % number],
        file_name="d.md",
        requirements=[requirement],
    )
    dataset = lineage.register_dataset(version.model.project, name=f"Set {number}", personal_data="none", actor=actor)
    data = lineage.register_dataset_version(dataset, digest=f"sha256:{number + 5000:064x}", row_count=1, actor=actor)
    lineage.declare_dataset_use(version, dataset_version=data, role="validation", actor=actor)
    old = version.evaluations.filter(kind="bias_audit").first()
    Evaluation.objects.create(
        version=version,
        kind=old.kind,
        dataset_version=old.dataset_version,
        dataset_role="test",
        evidence=old.evidence,
        spec=old.spec,
        status="FAILED",
        failure="x",
        requested_by=actor.user,
    )
    reports.request_report(version, actor=actor)


def test_version_is_registered_from_sha256sum_lines(model, developer) -> None:
    digits = "ab" * 32
    answer = browse(developer).post(
        f"/models/{model.pk}/versions/new/", {"artifacts": f"{digits}  model.onnx\n{'cd' * 32} *scaler.json\n"}
    )
    version = model.versions.get()

    assert (answer.status_code, answer["Location"]) == (302, f"/versions/{version.pk}/")
    assert [(item.name, item.digest) for item in version.artifacts.all()] == [
        ("model.onnx", f"sha256:{digits}"),
        ("scaler.json", f"sha256:{'cd' * 32}"),
    ]


@pytest.mark.parametrize(
    ("artifacts", "words"), [("ab" * 32, "Line 1 lacks a file name"), ("abc model.onnx", "64 lower-case hexadecimal")]
)
def test_bad_artifact_line_is_refused_and_stays_typed(artifacts, words, model, developer) -> None:
    answer = browse(developer).post(f"/models/{model.pk}/versions/new/", {"artifacts": artifacts})

    assert answer.status_code == 400
    assert words in text_of(answer)
    assert artifacts in text_of(answer)


def test_dataset_use_is_declared_once(version, developer) -> None:
    data = version.dataset_uses.get(role="training").dataset_version
    client = browse(developer)
    given = {"role": "validation", "dataset_version": data.pk}
    address = f"/versions/{version.pk}/datasets/new/"

    assert client.post(address, given).status_code == 302
    assert client.post(address, given).status_code == 409
    assert version.dataset_uses.filter(role="validation").count() == 1
