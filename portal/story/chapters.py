"""What happens in the story, chapter by chapter. Every chapter looks up what has happened already and goes on there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from countersign import CountersignError, Session
from countersign.types import Gate, Version
from countersign.verifier import verify_receipt
from portal.story import answers, cast
from portal.story.cast import Person
from portal.story.office import PROJECT, Office, StoryError

TRIAGE = "Diabetes triage"
TUMOURS = "Breast tumour triage"
TRIAGE_SCRIPT = "diabetes_triage.py"
TUMOUR_SCRIPT = "breast_cancer.py"
AI_ACT = "eu-ai-act-high-risk"

SECURITY = (
    "The artifact is a JSON document of numbers that is read without running anything in it; its digest is recorded. "
    "The serving code refuses inputs that are missing or not finite, as the checks of the model file show. No finding."
)
PRIVACY = (
    "The portal holds one row per patient under a study number: group, label, prediction, measurements. There are no "
    "names, dates or places. Ages are compared in three bands only. No finding."
)
MEANINGS = {
    cast.VISITOR.login: "I have read the evidence and the validation, and agree with their conclusions.",
    cast.HANA.login: "The intended use, the reviews and the audits meet our obligations.",
    cast.PETER.login: "I accept the remaining risks and approve the use.",
}


def open_accounts(office: Office) -> str:
    """The organisation administrator opens the project, the accounts and the roles."""
    ines = office.as_person(cast.ADMINISTRATOR)
    description = "Models that help clinicians decide whom to see first."
    project = ines.find_project(PROJECT) or ines.create_project(PROJECT, description=description)
    known = {user.username for user in ines.users()}
    held = {(item.user.username, item.role) for item in ines.memberships(project) if item.ended_at is None}
    for person in cast.MEMBERS:
        if person.login not in known:
            ines.create_user(
                person.login,
                full_name=person.full_name,
                email=person.email,
                password=office.password_of(person),
            )
        if (person.login, person.role) not in held:
            ines.grant_role(project, username=person.login, role=person.role)
    return f"{len(cast.MEMBERS)} people hold their roles in {project.name}"


def stop_first_version(office: Office) -> str:
    """Version 1 of the triage: recorded, decided upon, put before its reviewers, stopped by the gate, rejected."""
    version = offer(office, cast.MIRA, TRIAGE_SCRIPT, TRIAGE, "blind")
    decide_go(office, TRIAGE, "Ten measurements do tell who will progress fast. Build it, and watch both sexes.")
    version = submit(office, cast.MIRA, version)
    noor = office.as_person(cast.VISITOR)
    gate = noor.gate(version)
    if version.state == "IN_REVIEW":
        refused = try_to_approve(office, version, gate)
        # Titles of criteria go on with metric and threshold after a colon; the requirement is enough here.
        standing = ", ".join(dict.fromkeys(finding.title.split(":")[0] for finding in refused.findings))
        noor.sign_off(
            version,
            role=cast.VISITOR.role,
            decision="reject",
            meaning="I have read this dossier and reject the version.",
            reason=f"The gate is rightly closed: {standing}. Leaving out age and sex does not treat patients alike; "
            "a new version should use both.",
            dossier_digest=gate.dossier_digest,
            password=office.password_of(cast.VISITOR),
        )
    counts = noor.gate(version).counts
    spoken = ", ".join(
        f"{counts[status]} {status.lower().replace('_', ' ')}" for status in STOPPING if status in counts
    )
    return f"stopped by the gate: {spoken}"


STOPPING = ("NOT_MET", "INCONCLUSIVE", "MISSING")


def try_to_approve(office: Office, version: Version, gate: Gate) -> CountersignError:
    """Ask for what the gate does not allow, and return its refusal."""
    try:
        sign(office, cast.VISITOR, version, gate)
    except CountersignError as error:
        if error.code == "gate_closed":
            return error
        raise
    raise StoryError(f"{version} should have been stopped by the gate, and was signed.")


def release_second_version(office: Office) -> str:
    """Version 2: corrected, validated, reviewed, signed by three people, promoted."""
    version = offer(office, cast.MIRA, TRIAGE_SCRIPT, TRIAGE, "full")
    complete(office, version)
    answer_questions(office, version)
    version = submit(office, cast.MIRA, version)
    for person in (cast.VISITOR, cast.HANA, cast.PETER):
        sign_once(office, person, version)
    promote(office, version)
    lucia = office.as_program(cast.LUCIA)
    if not lucia.reports(version):
        # Printed while the story goes on.
        lucia.request_report(version)
        lucia.request_report(version, kind="framework", framework=AI_ACT)
        lucia.request_portfolio(office.find_project(cast.LUCIA).id)
        lucia.request_datasheet(lucia.dataset_uses(version)[0].dataset_version.id)
    return "signed by three people and released"


def check_report(office: Office) -> str:
    """The auditor downloads the report on version 2 and checks it without the portal."""
    lucia = office.as_program(cast.LUCIA)
    report = lucia.wait_for(lucia.reports(find(office, TRIAGE, "full"))[-1])
    if report.failure:
        raise StoryError(f"The report could not be issued: {report.failure}")
    path = lucia.download_report(report, make_folder(office.folder / "reports"))
    verdict = verify_receipt(path.read_bytes(), lucia.receipt(report), [lucia.log_key()], entry_type="report.issued")
    if not verdict:
        raise StoryError(f"The report does not verify: {verdict.message}")
    return f"{report.page_count} pages, verified without the portal: {verdict.outcome.name.lower()}"


def prepare_third_version(office: Office) -> str:
    """Version 3: everything is recorded, compliance has signed, the validator (you) and the approver have not."""
    version = offer(office, cast.MIRA, TRIAGE_SCRIPT, TRIAGE, "lean")
    complete(office, version)
    confirm_answers(office, version)
    version = submit(office, cast.MIRA, version)
    sign_once(office, cast.HANA, version)
    gate = office.as_person(cast.VISITOR).gate(version)
    if not gate.is_ready_to_sign:
        raise StoryError(f"{version} should wait for signatures only: {[item.title for item in gate.closing]}")
    return f"in review; {len(gate.closing)} signatures are missing, yours first"


def retire_tumour_version(office: Office) -> str:
    """The second model: a version that was in use for a while and is retired."""
    version = offer(office, cast.JONAS, TUMOUR_SCRIPT, TUMOURS, "means")
    decide_go(office, TUMOURS, "The order of reading can be improved without leaving an image unread.")
    validate(office, version)
    version = submit(office, cast.JONAS, version)
    for person in (cast.VISITOR, cast.PETER):
        sign_once(office, person, version)
    promote(office, version)
    peter = office.as_person(cast.PETER)
    if peter.version(version.id).state == "RELEASED":
        peter.retire_version(
            version,
            reason="The laboratory now measures thirty values of every image; this version reads only ten of them.",
        )
    return "released, then retired"


def draft_tumour_version(office: Office) -> str:
    """Its successor is a draft that lacks its validation."""
    version = offer(office, cast.JONAS, TUMOUR_SCRIPT, TUMOURS, "everything")
    gate = office.as_person(cast.JONAS).gate(version)
    return f"a draft; {len(gate.closing)} findings keep the gate closed"


Chapter = tuple[str, Callable[[Office], str]]
BEGINNING: Chapter = ("Accounts", open_accounts)
# Each strand is told in its order; the two are told at once.
STRANDS: tuple[tuple[Chapter, ...], ...] = (
    (
        (f"{TRIAGE}, version 1", stop_first_version),
        (f"{TRIAGE}, version 2", release_second_version),
        (f"{TRIAGE}, version 3", prepare_third_version),
        ("Report on version 2", check_report),
    ),
    (
        (f"{TUMOURS}, version 1", retire_tumour_version),
        (f"{TUMOURS}, version 2", draft_tumour_version),
    ),
)


# --- What chapters have in common ------------------------------------------------------------------------


def offer(office: Office, developer: Person, script: str, model: str, design: str) -> Version:
    """Have a developer run the example script for a design, unless its version has left the draft already."""
    found = office.find_version(developer, model, design)
    if found is None or found.state == "DRAFT":
        office.run_script(developer, script, "--design", design)
        found = office.find_version(developer, model, design)
    if found is None:
        raise StoryError(f"{script} --design {design} registered no version.")
    return found


def find(office: Office, model: str, design: str) -> Version:
    found = office.find_version(cast.VISITOR, model, design)
    if found is None:
        raise StoryError(f"There is no version of {model} by design {design}.")
    return found


def decide_go(office: Office, model_name: str, reason: str) -> None:
    """The project's administrator reads the proof of concept and decides."""
    anne = office.as_person(cast.ANNE)
    model = office.find_model(cast.ANNE, model_name)
    proof = anne.proof_of_concept(model) if model is not None else None
    if model is None or proof is None:
        raise StoryError(f"{model_name} has no proof of concept to decide on.")
    if not proof.decision:
        anne.decide_proof_of_concept(model, proof, decision="go", reason=reason)


def complete(office: Office, version: Version) -> None:
    """What others than the developer contribute: validation, security and privacy reviews."""
    if version.state != "DRAFT":
        return
    validate(office, version)
    reviews = (
        (cast.SAMUEL, "security_review", "Security of the model file", SECURITY),
        (cast.ELENA, "privacy_review", "Privacy of the patients' rows", PRIVACY),
    )
    for person, kind, title, summary in reviews:
        content = {"outcome": "passed", "reviewer": person.full_name, "summary": summary}
        office.as_program(person).submit_evidence(version, kind=kind, title=title, content=content, once=True)


def answer_questions(office: Office, version: Version) -> None:
    """The developer and the organisation answer what no record says; it serves every framework that needs it."""
    if version.state != "DRAFT":
        return
    ines, mira = office.as_person(cast.ADMINISTRATOR), office.as_program(cast.MIRA)
    for fact, value in answers.OF_THE_ORGANISATION.items():
        ines.answer_for_organisation(fact, value)
    mira.answer_facts(version, answers.ABOUT_THE_SYSTEM | answers.ABOUT_THE_USE)
    mira.answer_facts(version, answers.ABOUT_THE_MAKING)


def confirm_answers(office: Office, version: Version) -> None:
    """For the next version the developer goes through what was answered before and confirms it."""
    if version.state != "DRAFT":
        return
    mira = office.as_program(cast.MIRA)
    known = mira.answered_facts(version)
    for fact in answers.ABOUT_THE_SYSTEM | answers.ABOUT_THE_MAKING:
        if fact not in known:
            mira.carry_over_answer(version, fact)


def validate(office: Office, version: Version) -> None:
    """Another validator than the one who signs computes everything again and submits a report."""
    if version.state == "DRAFT":
        arguments = ("--model", version.model.name, "--version", str(version.number))
        office.run_script(cast.TOMAS, "validation_report.py", *arguments)


def submit(office: Office, developer: Person, version: Version) -> Version:
    """Put a draft before its reviewers."""
    portal = office.as_program(developer)
    return portal.submit_version(version) if version.state == "DRAFT" else version


def sign(office: Office, person: Person, version: Version, gate: Gate) -> None:
    office.as_person(person).sign_off(
        version,
        role=person.role,
        meaning=MEANINGS[person.login],
        dossier_digest=gate.dossier_digest,
        password=office.password_of(person),
    )


def sign_once(office: Office, person: Person, version: Version) -> None:
    """Approve the dossier as it is now, unless this role has done so."""
    session = office.as_person(person)
    gate = session.gate(version)
    signed = {(item.role, item.dossier_digest) for item in session.sign_offs(version) if item.decision == "approve"}
    if gate.state in ("IN_REVIEW", "APPROVED") and (person.role, gate.dossier_digest) not in signed:
        sign(office, person, version, gate)


def promote(office: Office, version: Version) -> None:
    """Release an approved version."""
    peter: Session = office.as_person(cast.PETER)
    gate = peter.gate(version)
    if gate.state == "APPROVED":
        peter.promote(version, gate, password=office.password_of(cast.PETER))


def make_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
