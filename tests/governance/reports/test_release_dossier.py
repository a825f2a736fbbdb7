"""The release dossier: everything recorded is printed, and nothing that a user wrote is more than text."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pypdf import PdfReader

from governance.actions import catalog, lineage, people, requirements, waivers
from governance.canonical import canonical_bytes
from governance.dossier import collect
from governance.findings import FindingStatus
from governance.gate import judge
from governance.metric_titles import title_of_metric
from governance.models import Evaluation, ModelVersion
from governance.reports.pdf_evidence import VERIFIER
from governance.reports.release_dossier import WITHHELD, build_context
from tests import cast
from tests.governance.reports.conftest import Printed, find_widest_overflow, print_dossier, print_report, read_text

# The renderer leaves its colour profile open for the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:.*sRGB2014.icc:pytest.PytestUnraisableExceptionWarning")

# --- What is printed -----------------------------------------------------------------------------------------


def spoken(text: str) -> str:
    return " ".join(str(text).split())


def test_cover_and_purpose_are_printed(printed: Printed):
    model = printed.dossier.model
    for words in (model.name, model.project, model.intended_use, model.affected_people, model.out_of_scope_uses):
        assert spoken(words) in printed.text
    assert "Version 1 · Patient pathways" in printed.text
    assert "Gate open: nothing required is missing" in printed.text
    assert printed.dossier.as_of.strftime("%Y-%m-%d %H:%M:%S UTC") in printed.text


def test_whole_digests_of_dossier_artifacts_and_results_are_printed(printed: Printed):
    packed = printed.text.replace(" ", "")
    assert printed.dossier.digest in packed
    assert cast.ARTIFACT in packed
    assert {item.result_digest for item in printed.dossier.evaluations if item.result_digest not in packed} == set()


def test_every_finding_is_printed_with_its_status_and_reason(printed: Printed):
    assert len(printed.decision.findings) > 15
    for finding in printed.decision.findings:
        assert spoken(finding.title) in printed.text, finding.key
        assert spoken(finding.detail) in printed.text, finding.key


def test_every_requirement_is_printed_with_its_criteria(printed: Printed):
    for requirement in printed.dossier.requirements:
        assert f"{requirement.key} {requirement.title}" in printed.text
        assert spoken(requirement.statement) in printed.text
        for criterion in requirement.criteria:
            assert f"{title_of_metric(criterion.metric)} ({criterion.population}, test)" in printed.text


def test_every_item_of_evidence_and_data_is_printed(printed: Printed):
    for item in printed.dossier.evidence:
        assert item.title in printed.text
        assert item.digest.removeprefix("sha256:")[:12] in printed.text
    for used in printed.dossier.datasets:
        assert f"{used.dataset} v{used.number}" in printed.text
        assert used.digest.removeprefix("sha256:")[:12] in printed.text


def test_every_sign_off_is_printed_with_name_role_meaning_time_and_digest(printed: Printed):
    assert len(printed.dossier.sign_offs) == 3
    packed = printed.text.replace(" ", "")
    for item in printed.dossier.sign_offs:
        time = item.signed_at.strftime("%Y-%m-%d %H:%M:%S UTC")
        assert f"{item.signer} Approve as {item.role} · {time} · Password · log entry {item.log_index}" in printed.text
        assert item.meaning in printed.text
    assert packed.count(printed.dossier.digest) >= 4


def test_every_contributor_and_the_release_are_printed(printed: Printed):
    for person in printed.dossier.contributors:
        assert person.name in printed.text
    assert "production" in printed.text
    assert printed.release.started_at.strftime("%Y-%m-%d %H:%M:%S UTC") in printed.text


def test_every_time_is_in_utc(printed: Printed):
    times = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?(.{4})", printed.text)
    assert len(times) > 20
    assert set(times) == {" UTC"}


def test_checkpoint_and_proofs_are_printed(printed: Printed):
    assert f"covers its first {printed.checkpoint.size} entries" in printed.text
    packed = printed.text.replace(" ", "")
    assert "".join(printed.checkpoint.note.split()) in packed
    for kind in ("version.submitted", "version.promoted"):
        assert re.search(rf"Entry \d+: {re.escape(kind)}", printed.text)
    assert len(re.findall(r"Entry \d+: sign_off.given", printed.text)) == 3


def test_it_never_says_compliant(printed: Printed):
    assert "compliant" not in printed.text.lower()
    assert "It does not state that any law or standard is satisfied." in printed.text


# --- What is attached ----------------------------------------------------------------------------------------


def test_attached_dossier_is_the_text_whose_digest_is_printed(printed: Printed):
    (text,) = printed.pdf.attachments["dossier.json"]
    assert text == canonical_bytes(printed.dossier.document)
    assert "sha256:" + hashlib.sha256(text).hexdigest() == printed.dossier.digest == printed.release.dossier_id


def test_every_result_is_attached_without_single_rows_and_cells(printed: Printed):
    attached = printed.pdf.attachments
    names = {f"evaluation-{item.id}.json" for item in printed.dossier.evaluations}
    assert {name for name in attached if name.startswith("evaluation-")} == names
    for item in printed.dossier.evaluations:
        result = json.loads(attached[f"evaluation-{item.id}.json"][0])
        whole = json.loads(Evaluation.objects.get(pk=item.id).result)
        assert set(result) == set(whole) - WITHHELD
        assert result["measures"] == whole["measures"]


# --- What is built for the template --------------------------------------------------------------------------


def test_context_counts_every_finding_once(printed: Printed):
    context = build_context(printed.dossier, printed.decision, printed.checkpoint)
    assert sum(count for _status, count in context["counts"]) == len(printed.decision.findings)
    assert sorted(item.key for _area, found in context["areas"] for item in found) == sorted(
        item.key for item in printed.decision.findings
    )
    assert (context["gaps"], context["waived"]) == ([], [])
    assert [status for status, _count in context["counts"]] == [
        "NOT_MET", "MISSING", "STALE", "INCONCLUSIVE", "WAIVED", "MET"
    ]  # fmt: skip


def test_context_traces_each_criterion_to_its_verdict(printed: Printed):
    context = build_context(printed.dossier, printed.decision, printed.checkpoint)
    rows = {row["requirement"].key: row for row in context["matrix"]}
    assert sorted(rows) == ["R-1", "R-2"]
    for key, row in rows.items():
        (criterion,) = row["criteria"]
        assert criterion["finding"].key == f"criterion:{key}.1"
        assert criterion["finding"].status == "MET"


def test_context_shows_only_aggregates_of_large_enough_groups(printed: Printed):
    context = build_context(printed.dossier, printed.decision, printed.checkpoint)
    (audit,), (explanation,) = context["audits"], context["explanations"]
    assert {measure.metric for measure in audit.disparities} >= {
        "demographic_parity_difference",
        "equalized_odds_ratio",
    }
    assert {measure.population for measure in audit.disparities} == {"by sex"}
    assert len(audit.figures) >= 1
    assert explanation.result["statement"] == "computed by submitter, additivity verified on 100 of 100 rows"
    for figure in (*audit.figures, *explanation.figures):
        assert figure.picture.startswith("data:image/svg+xml;base64,")
        assert len(figure.alt_text) > 20


def test_how_every_number_was_made_is_printed(printed: Printed):
    """The choices of whoever asked, in the specification's own words, and what the portal itself did."""
    packed = printed.text.replace(" ", "")
    for item in printed.dossier.evaluations:
        for setting in item.settings:
            assert setting.name.replace(" ", "") in packed
            assert setting.value.replace(" ", "") in packed
    assert "Read as y_true = y_true, y_pred = y_pred, positive = 1." in printed.text
    assert "it did not run the model for them" in printed.text
    assert "it ran the submitted model" not in printed.text
    assert "None" not in printed.text[printed.text.index("How the numbers were made") :]


def test_limits_speak_of_the_tier_that_was_used(printed: Printed):
    context = build_context(printed.dossier, printed.decision, None)
    assert (context["explained_by_submitter"], context["explained_by_portal"]) == (True, False)
    (section,) = context["explanations"]
    recomputed = replace(section, result=section.result | {"statement": "recomputed by the portal; rows equal"})
    assert (section.is_recomputed, recomputed.is_recomputed) == (False, True)


def test_what_does_not_block_stands_apart_from_what_is_missing(printed: Printed):
    beside = replace(printed.decision.findings[0], status=FindingStatus.INCONCLUSIVE, blocks=False)
    decision = replace(printed.decision, findings=(beside, *printed.decision.findings[1:]))
    context = build_context(printed.dossier, decision, None)
    assert decision.is_open
    assert (context["gaps"], context["does_not_block"]) == ([], [beside])


def test_context_of_a_closed_gate_puts_the_gaps_first(model_with_go, developer, compliance):
    version = cast.register_version(model_with_go, developer)
    waivers.grant_waiver(
        version,
        finding_key="evidence:privacy_review",
        reason="Due in May.",
        expires_at=datetime.now(UTC) + timedelta(days=5),
        password=cast.PASSWORD,
        actor=cast.acting(compliance),
    )
    dossier = collect(version)
    context = build_context(dossier, judge(dossier), None)
    assert len(context["gaps"]) == len(judge(dossier).closing) > 5
    assert {item.status for item in context["gaps"]} == {FindingStatus.MISSING}
    assert [item.key for item in context["waived"]] == ["evidence:privacy_review"]
    assert (context["proof"].checkpoint, context["proof"].decisions, context["proof"].root) == (None, (), "")


# --- Readers who do not see, and readers who compare -----------------------------------------------------------


def test_pdf_is_tagged_titled_and_in_a_language(printed: Printed):
    root: Any = printed.pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] == True  # noqa: E712 - pypdf's boolean object
    assert root["/StructTreeRoot"]["/Type"] == "/StructTreeRoot"
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"] == True  # noqa: E712
    assert printed.pdf.metadata.title == "Release dossier: Readmission triage, version 1"
    assert printed.pdf.get_num_pages() == printed.made.page_count
    assert printed.made.file_name == "readmission-triage-v1-release-dossier.pdf"
    outline = [item.title for item in printed.pdf.outline if not isinstance(item, list)]
    assert len(outline) >= 1


def test_pdf_brings_its_fonts_and_links_nowhere(printed: Printed):
    fonts, links = set(), []
    pages: Any = printed.pdf.pages
    for page in pages:
        fonts |= {font["/BaseFont"] for font in page["/Resources"]["/Font"].values()}
        links += [note["/A"] for note in page.get("/Annots", []) if "/URI" in note.get("/A", {})]
    # Six letters and a plus sign: a subset of the font is inside.
    assert {font for font in fonts if not re.match(r"/[A-Z]{6}\+", font)} == set()
    assert links == []


def test_same_reading_printed_twice_is_the_same_bytes(printed: Printed):
    again = print_report(printed.version, printed.dossier, printed.decision, printed.checkpoint)
    assert hashlib.sha256(again.pdf).hexdigest() == hashlib.sha256(printed.made.pdf).hexdigest()


# --- Strange content ---------------------------------------------------------------------------------------------


def print_watched(version: ModelVersion, caplog) -> tuple[str, list[str]]:
    """The text of the printed dossier and what the renderer complained about."""
    with caplog.at_level(logging.WARNING):
        _dossier, _decision, made = print_dossier(version)
    return read_text(made.pdf), [record.getMessage() for record in caplog.records]


def test_version_with_nothing_recorded_is_printed(project, developer, caplog):
    model = catalog.register_model(project, name="Bare", actor=cast.acting(developer))
    version = catalog.register_version(model, actor=cast.acting(developer))
    text, complaints = print_watched(version, caplog)
    for words in (
        "Gate closed: ",
        "No requirement is recorded.",
        "None is submitted.",
        "None is declared.",
        "No bias audit has succeeded for this version.",
        "No explanation has succeeded for this version.",
        "Nobody has signed this version.",
        "This version was never released.",
        "No proof of concept is recorded.",
        "No checkpoint has been signed yet, so nothing here is proven.",
        "Not recorded.",
    ):
        assert words in text, words
    assert complaints == []


MARKUP = "<script>alert(1)</script> <b>bold</b> **strong** [a](http://x.test/) {{ 7|add:7 }} {% now 'Y' %} &amp; </td>"
PICTURES = '<img src="file:///etc/passwd"> <link rel=attachment href="file:///etc/hostname"> url(http://x.test/a)'


def fill_every_text(version: ModelVersion, user, text: str) -> None:
    """Write ``text`` into every field that a user may fill."""
    actor, model = cast.acting(user), version.model
    names = ("description", "intended_use", "out_of_scope_uses", "affected_people")
    catalog.describe_model(model, **dict.fromkeys(names, text), actor=actor)
    cast.assess(model, "high", by=actor.user, rationale=text)
    requirements.write_requirement(model, title=text[:200], statement=text, source=text[:200], actor=actor)
    requirements.write_proof_of_concept(model, problem_statement=text, risks=text, open_questions=text, actor=actor)
    dataset = lineage.register_dataset(
        version.model.project, name=text[:120], source=text, licence=text[:200], personal_data="none", actor=actor
    )
    made = lineage.register_dataset_version(
        dataset, digest="sha256:" + "4" * 64, row_count=1, sensitive_columns=[text[:200]], actor=actor,
        derived_from=[(version.dataset_uses.first().dataset_version, text[:500])],
    )  # fmt: skip
    lineage.declare_dataset_use(version, dataset_version=made, role="validation", actor=actor)
    review = {"outcome": "failed", "reviewer": text[:200], "summary": text}
    cast.submit(version, "security_review", by=user, content=review, title=text[:200])
    metric = {"name": text[:100], "value": 1, "population": text[:200]}
    cast.submit(version, "metrics", by=user, content={"metrics": [metric]}, title=text[:200])


def test_markup_of_a_user_stays_text_and_fetches_nothing(version, developer, caplog):
    fill_every_text(version, developer, MARKUP)
    for field in ("notes", "artifact_location", "source_run", "training_code"):
        ModelVersion.objects.filter(pk=version.pk).update(**{field: PICTURES})
    _dossier, _decision, made = print_dossier(version)
    text = read_text(made.pdf)
    assert text.count("<script>alert(1)</script>") >= 8
    for words in ("**strong**", "{{ 7|add:7 }}", "{% now 'Y' %}", "&amp; </td>", '<img src="file:///etc/passwd">'):
        assert words in text, words
    assert set(PdfReader(io.BytesIO(made.pdf)).attachments) == {"dossier.json", *VERIFIER}
    with open("/etc/passwd") as file:
        assert file.readline().strip() not in text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


SCRIPTS = {
    "latin": "Größe, façade, Łódź, İstanbul, ñandú, “quoted” – dash … ≤ ≥ × ±",
    "greek and cyrillic": "Αξιολόγηση · Оценка модели",
    "right to left": "نموذج الفرز של מערכת",
    "devanagari and thai": "मूल्यांकन แบบจำลอง",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_that_fonts_are_installed_for_is_printed_without_complaint(version, developer, caplog, name):
    catalog.describe_model(version.model, description=SCRIPTS[name], actor=cast.acting(developer))
    text, complaints = print_watched(version, caplog)
    assert complaints == []
    if name in ("latin", "greek and cyrillic"):
        assert SCRIPTS[name] in text


def test_very_long_words_and_texts_stay_on_the_page(project, developer, caplog):
    """A word that fits nowhere is broken, and a text longer than a page goes on."""
    model = catalog.register_model(project, name="W" * 120, actor=cast.acting(developer))
    version = catalog.register_version(
        model, artifacts=[{"name": "m" * 200, "digest": cast.ARTIFACT}], actor=cast.acting(developer)
    )
    catalog.describe_model(model, description="x" * 5_000, intended_use="word " * 3_999, actor=cast.acting(developer))
    _dossier, _decision, made = print_dossier(version)
    text = read_text(made.pdf).replace(" ", "")
    assert text.count("x" * 50) > 80
    assert made.page_count > 10
    assert made.file_name.startswith("w" * 100)
    assert find_widest_overflow(made.pdf) <= 0


def test_name_without_a_latin_letter_still_names_the_file(project, developer):
    model = catalog.register_model(project, name="分流模型", actor=cast.acting(developer))
    version = catalog.register_version(model, actor=cast.acting(developer))
    _dossier, _decision, made = print_dossier(version)
    assert made.file_name == "v1-release-dossier.pdf"


def test_values_named_like_methods_are_printed(version, developer):
    """A template looks for keys before methods: a value named "items" must not end the report."""
    values = {"requests": 1, "p50_ms": 1, "p95_ms": 1, "p99_ms": 1, "error_rate": 0, "items": 3, "values": 4, "keys": 5}
    cast.submit(version, "load_test", by=developer, content={"values": values})
    _dossier, _decision, made = print_dossier(version)
    text = read_text(made.pdf)
    for name, value in values.items():
        assert f"{name.replace('_', ' ')} {value}" in text


def test_stale_and_refusing_sign_offs_are_printed_with_what_changed(
    ready_version, validator, approver, developer, organisation_administrator
):
    cast.sign(ready_version, validator, "validator", meaning="I re-ran it.")
    cast.submit(ready_version, "file", by=developer, file=[b"x"], file_name="x.txt", title="Late file")
    cast.sign(ready_version, approver, "approver", "request_changes", reason="Explain the threshold.")
    people.close_user(validator, reason="Left.", actor=cast.acting(organisation_administrator))
    _dossier, _decision, made = print_dossier(ready_version)
    text = read_text(made.pdf)
    assert "Viktor Hahn Approve as validator" in text
    assert "Stale. Changed since: evidence: Late file (new)" in text
    assert "Amir Rahimi Request changes as approver" in text
    assert "Reason: Explain the threshold." in text
    assert "Gate closed: " in text
