"""What an audit log entry says, as a sentence for people. One place for pages and reports alike.

The sentence is told from the entry's exact body, with the names as they were then: a later renaming changes nothing.
A type may have variants ("sign_off.given:approve"), chosen by the field of its data that VARIANTS names.
tests/portal/test_log_sentences.py finds every type that governance appends and fails when one has no sentence.
"""

from __future__ import annotations

import json
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from governance.models import AuditLogEntry, Decision, EvaluationKind, EvidenceKind, PocDecision, RiskTier, Role
from governance.models.lineage import DatasetRole

# Type -> what kind of thing was done, for the list's filter.
TITLES: dict[str, str | Promise] = {
    "project.created": gettext_lazy("Project created"),
    "project.solo_mode_switched": gettext_lazy("Solo mode switched"),
    "template.written": gettext_lazy("Requirement template written"),
    "policy.proposed": gettext_lazy("Promotion policy proposed"),
    "policy.adopted": gettext_lazy("Promotion policy adopted"),
    "policy.withdrawn": gettext_lazy("Promotion policy withdrawn"),
    "framework.loaded": gettext_lazy("Framework loaded"),
    "framework.withdrawn": gettext_lazy("Framework withdrawn"),
    "answer.recorded": gettext_lazy("Fact recorded"),
    "dossier.answered": gettext_lazy("Fact of the dossier recorded"),
    "control.ruled": gettext_lazy("Control ruled on"),
    "control.refused": gettext_lazy("Ruling on a control refused"),
    "fact.signed": gettext_lazy("Record signed"),
    "fact.refused": gettext_lazy("Signature on a record refused"),
    "policy.refused": gettext_lazy("Adoption of a promotion policy refused"),
    "user.created": gettext_lazy("Account opened"),
    "user.closed": gettext_lazy("Account closed"),
    "user.password_changed": gettext_lazy("Password changed"),
    "user.second_factor_added": gettext_lazy("Second factor added"),
    "user.second_factor_removed": gettext_lazy("Second factor removed"),
    "membership.granted": gettext_lazy("Role granted"),
    "membership.ended": gettext_lazy("Role ended"),
    "membership.confirmed": gettext_lazy("Role confirmed"),
    "delegation.given": gettext_lazy("Delegation given"),
    "delegation.ended": gettext_lazy("Delegation ended"),
    "token.created": gettext_lazy("API token created"),
    "token.revoked": gettext_lazy("API token revoked"),
    "model.registered": gettext_lazy("Model registered"),
    "model.described": gettext_lazy("Model described"),
    "model.tiered": gettext_lazy("Risk tier set"),
    "requirements.generated": gettext_lazy("Requirements generated"),
    "requirement.written": gettext_lazy("Requirement written"),
    "requirement.withdrawn": gettext_lazy("Requirement withdrawn"),
    "proof_of_concept.written": gettext_lazy("Proof of concept written"),
    "proof_of_concept.decided": gettext_lazy("Proof of concept decided"),
    "dataset.registered": gettext_lazy("Dataset registered"),
    "dataset_version.registered": gettext_lazy("Dataset version registered"),
    "dataset_version.recalled": gettext_lazy("Dataset version recalled"),
    "dataset_use.declared": gettext_lazy("Dataset use declared"),
    "version.registered": gettext_lazy("Model version registered"),
    "version.submitted": gettext_lazy("Submitted for review"),
    "evidence.submitted": gettext_lazy("Evidence submitted"),
    "evaluation.requested": gettext_lazy("Evaluation requested"),
    "evaluation.completed": gettext_lazy("Evaluation completed"),
    "evaluation.failed": gettext_lazy("Evaluation failed"),
    "evaluation.cancelled": gettext_lazy("Evaluation cancelled"),
    "sign_off.given": gettext_lazy("Sign-off given"),
    "sign_off.refused": gettext_lazy("Sign-off refused"),
    "sign_off.overruled": gettext_lazy("Refusal overruled"),
    "overrule.refused": gettext_lazy("Overrule refused"),
    "condition.fulfilled": gettext_lazy("Condition fulfilled"),
    "condition.refused": gettext_lazy("Fulfilling a condition refused"),
    "waiver.granted": gettext_lazy("Waiver granted"),
    "waiver.refused": gettext_lazy("Waiver refused"),
    "remark.written": gettext_lazy("Remark written"),
    "question.resolved": gettext_lazy("Question resolved"),
    "version.promoted": gettext_lazy("Promoted"),
    "promotion.refused": gettext_lazy("Promotion refused"),
    "rollback.refused": gettext_lazy("Rollback refused"),
    "emergency.refused": gettext_lazy("Emergency promotion refused"),
    "version.promoted_in_emergency": gettext_lazy("Emergency promotion"),
    "emergency.asked": gettext_lazy("Emergency promotion asked for"),
    "emergency.withdrawn": gettext_lazy("Request for an emergency taken back"),
    "release.rolled_back": gettext_lazy("Rolled back"),
    "release.withdrawn": gettext_lazy("Release withdrawn"),
    "follow_up.closed": gettext_lazy("Finding closed"),
    "version.retired": gettext_lazy("Retired"),
    "log.key_added": gettext_lazy("Key of the log added"),
    "log.key_retired": gettext_lazy("Key of the log retired"),
    "log.key_revoked": gettext_lazy("Key of the log revoked"),
    "log.exported": gettext_lazy("Log exported"),
    "log.heartbeat": gettext_lazy("Sign of life"),
    "report.requested": gettext_lazy("Report requested"),
    "report.rendered": gettext_lazy("Report rendered"),
    "report.issued": gettext_lazy("Report issued"),
    "report.failed": gettext_lazy("Report failed"),
}

SENTENCES: dict[str, str | Promise] = {
    "project.created": gettext_lazy("%(who)s opened the project %(what)s."),
    "project.solo_mode_switched": gettext_lazy("%(who)s switched the solo mode of %(what)s."),
    "project.solo_mode_switched:True": gettext_lazy(
        "%(who)s switched solo mode on in %(what)s: people may sign what they made."
    ),
    "project.solo_mode_switched:False": gettext_lazy("%(who)s switched solo mode off in %(what)s."),
    "template.written": gettext_lazy("%(who)s rewrote the %(what)s-risk requirement template of %(project)s."),
    "framework.loaded": gettext_lazy("%(who)s put the framework %(what)s in force."),
    "framework.withdrawn": gettext_lazy("%(who)s withdrew the framework %(what)s."),
    "answer.recorded": gettext_lazy("%(who)s recorded the fact %(what)s."),
    "dossier.answered": gettext_lazy("%(who)s recorded the fact %(what)s, which is part of the dossier."),
    "control.ruled": gettext_lazy("%(who)s ruled on the control %(what)s."),
    "control.ruled:not_applicable": gettext_lazy("%(who)s signed that the control %(what)s does not apply."),
    "control.ruled:waived": gettext_lazy("%(who)s accepted the gap of the control %(what)s until a day."),
    "control.ruled:lifted": gettext_lazy("%(who)s lifted the ruling on the control %(what)s."),
    "control.refused": gettext_lazy("%(who)s tried to rule on a control of %(what)s and was refused."),
    "fact.signed": gettext_lazy("%(who)s signed what is recorded as %(what)s."),
    "fact.refused": gettext_lazy("%(who)s tried to sign a record of %(what)s and was refused."),
    "policy.proposed": gettext_lazy("%(who)s proposed a promotion policy for %(what)s."),
    "policy.adopted": gettext_lazy("%(who)s put the promotion policy for %(what)s in force."),
    "policy.withdrawn": gettext_lazy("%(who)s withdrew the proposed promotion policy for %(what)s."),
    "policy.refused": gettext_lazy("%(who)s was refused to put the promotion policy for %(what)s in force."),
    "user.created": gettext_lazy("%(who)s opened an account for %(what)s."),
    "user.closed": gettext_lazy("%(who)s closed the account of %(what)s."),
    "user.password_changed": gettext_lazy("%(who)s chose another password."),
    "user.second_factor_added": gettext_lazy("%(person)s added the second factor “%(what)s”."),
    "user.second_factor_removed": gettext_lazy("%(who)s removed the second factor “%(what)s” of %(person)s."),
    "membership.granted": gettext_lazy("%(who)s made %(what)s %(role)s in %(project)s."),
    "membership.ended": gettext_lazy("%(who)s ended the role %(role)s of %(what)s in %(project)s."),
    "membership.ended:True": gettext_lazy(
        "%(who)s took the role %(role)s away from %(what)s in %(project)s, for cause."
    ),
    "membership.confirmed": gettext_lazy("%(who)s confirmed %(what)s as %(role)s in %(project)s."),
    "delegation.given": gettext_lazy("%(who)s lets %(person)s sign for them as %(role)s in %(project)s until %(end)s."),
    "delegation.ended": gettext_lazy("%(who)s ended a delegation in %(project)s: %(what)s."),
    "token.created": gettext_lazy("%(who)s created the API token %(what)s, good for %(days)s days."),
    "token.revoked": gettext_lazy("%(who)s revoked the API token %(what)s."),
    "model.registered": gettext_lazy("%(who)s registered the model %(what)s."),
    "model.described": gettext_lazy("%(who)s changed the description of %(what)s."),
    "model.tiered": gettext_lazy("%(who)s set the risk tier of %(what)s to %(tier)s."),
    "requirements.generated": gettext_lazy("%(who)s made the requirements of %(what)s from the project's template."),
    "requirements.generated:framework": gettext_lazy("%(who)s made requirements of %(what)s from a framework."),
    "requirement.written": gettext_lazy("%(who)s edited requirement %(what)s of %(model)s."),
    "requirement.written:1": gettext_lazy("%(who)s wrote requirement %(what)s for %(model)s."),
    "requirement.withdrawn": gettext_lazy("%(who)s withdrew requirement %(what)s of %(model)s."),
    "proof_of_concept.written": gettext_lazy("%(who)s wrote the proof of concept of %(what)s."),
    "proof_of_concept.decided": gettext_lazy("%(who)s decided on the proof of concept of %(what)s: %(poc)s."),
    "dataset.registered": gettext_lazy("%(who)s registered the dataset %(what)s."),
    "dataset_version.registered": gettext_lazy("%(who)s recorded the dataset version %(what)s."),
    "dataset_version.recalled": gettext_lazy("%(who)s recalled the dataset version %(what)s."),
    "dataset_use.declared": gettext_lazy("%(who)s declared %(source)s as %(data_role)s data of %(version)s."),
    "version.registered": gettext_lazy("%(who)s registered the model version %(what)s."),
    "version.submitted": gettext_lazy("%(who)s submitted %(what)s for review."),
    "evidence.submitted": gettext_lazy("%(who)s submitted evidence for %(version)s: %(what)s (%(evidence_kind)s)."),
    "evaluation.requested": gettext_lazy("%(who)s asked for an evaluation of %(version)s: %(evaluation_kind)s."),
    "evaluation.requested:bias_audit": gettext_lazy("%(who)s asked for a bias audit of %(version)s."),
    "evaluation.requested:explanation": gettext_lazy("%(who)s asked for an explanation of %(version)s."),
    "evaluation.completed": gettext_lazy("An evaluation of %(version)s was completed: %(evaluation_kind)s."),
    "evaluation.completed:bias_audit": gettext_lazy("The bias audit of %(version)s was completed."),
    "evaluation.completed:explanation": gettext_lazy("The explanation of %(version)s was completed."),
    "evaluation.failed": gettext_lazy("An evaluation of %(version)s failed: %(evaluation_kind)s."),
    "evaluation.failed:bias_audit": gettext_lazy("The bias audit of %(version)s failed."),
    "evaluation.failed:explanation": gettext_lazy("The explanation of %(version)s failed."),
    "evaluation.cancelled": gettext_lazy("%(who)s cancelled an evaluation of %(version)s: %(evaluation_kind)s."),
    "evaluation.cancelled:bias_audit": gettext_lazy("%(who)s cancelled the bias audit of %(version)s."),
    "evaluation.cancelled:explanation": gettext_lazy("%(who)s cancelled the explanation of %(version)s."),
    "sign_off.given": gettext_lazy("%(who)s signed %(version)s as %(role)s: %(decision)s."),
    "sign_off.given:approve": gettext_lazy("%(who)s approved %(version)s as %(role)s."),
    "sign_off.given:request_changes": gettext_lazy("%(who)s asked for changes to %(version)s as %(role)s."),
    "sign_off.given:reject": gettext_lazy("%(who)s rejected %(version)s as %(role)s."),
    "sign_off.given:approve_conditions": gettext_lazy("%(who)s approved %(version)s as %(role)s, with conditions."),
    "sign_off.given:abstain": gettext_lazy("%(who)s abstained on %(version)s as %(role)s."),
    "sign_off.refused": gettext_lazy("%(who)s was refused a signature on %(what)s."),
    "sign_off.overruled": gettext_lazy("%(who)s as %(role)s overruled a refusal of %(version)s: %(what)s."),
    "overrule.refused": gettext_lazy("%(who)s was refused to overrule a refusal of %(what)s."),
    "condition.fulfilled": gettext_lazy("%(who)s found a condition of %(version)s fulfilled: %(what)s."),
    "condition.refused": gettext_lazy("%(who)s was refused to call a condition of %(what)s fulfilled."),
    "waiver.granted": gettext_lazy("%(who)s waived the finding %(what)s of %(version)s until %(until)s."),
    "waiver.refused": gettext_lazy("%(who)s was refused a waiver for %(what)s."),
    "remark.written": gettext_lazy("%(who)s remarked on %(version)s: %(what)s."),
    "remark.written:question": gettext_lazy("%(who)s asked a question about %(version)s: %(what)s."),
    "remark.written:answer": gettext_lazy("%(who)s answered in a discussion of %(version)s: %(what)s."),
    "question.resolved": gettext_lazy("%(who)s resolved a question about %(version)s: %(what)s."),
    "version.promoted": gettext_lazy("%(who)s promoted %(version)s to %(environment)s."),
    "promotion.refused": gettext_lazy("%(who)s was refused the promotion of %(what)s."),
    "rollback.refused": gettext_lazy("%(who)s was refused a rollback to %(what)s."),
    "emergency.refused": gettext_lazy("%(who)s was refused an emergency promotion of %(what)s."),
    "version.promoted_in_emergency": gettext_lazy(
        "%(who)s confirmed an emergency promotion of %(version)s to %(environment)s."
    ),
    "emergency.asked": gettext_lazy("%(who)s asked for an emergency promotion of %(version)s."),
    "emergency.withdrawn": gettext_lazy("%(who)s took the request for an emergency promotion of %(version)s back."),
    "release.rolled_back": gettext_lazy("%(who)s rolled %(environment)s back to %(version)s."),
    "release.withdrawn": gettext_lazy("The release of %(version)s in %(environment)s was withdrawn by the clock."),
    "follow_up.closed": gettext_lazy("%(who)s closed a finding on %(version)s: “%(what)s”."),
    "version.retired": gettext_lazy("%(who)s retired %(what)s."),
    "log.key_added": gettext_lazy("The operator announced a further key of the log: %(what)s."),
    "log.key_retired": gettext_lazy("The operator retired the log's key %(what)s; what it signed before stays valid."),
    "log.key_revoked": gettext_lazy("The operator revoked the log's key %(what)s: it is lost or was stolen."),
    "log.exported": gettext_lazy("%(who)s took away the log as it was with %(size)s entries."),
    "log.heartbeat": gettext_lazy("Nothing happened for a day. The log gave a sign of life."),
    "report.requested": gettext_lazy("%(who)s asked for a report: %(what)s."),
    "report.rendered": gettext_lazy("Report rendered, to be signed: %(what)s."),
    "report.issued": gettext_lazy("Report issued: %(what)s."),
    "report.failed": gettext_lazy("Report not made: %(what)s."),
}

UNREADABLE = gettext_lazy("This entry cannot be read: its text is not what was recorded.")
OTHERWISE = gettext_lazy("%(who)s recorded “%(type)s” about %(what)s.")
VARIANTS = {
    "project.solo_mode_switched": "on",
    "membership.ended": "for_cause",
    "remark.written": "kind",
    "control.ruled": "kind",
    "requirements.generated": "from",
    "sign_off.given": "decision",
    "requirement.written": "revision",
    "evaluation.requested": "kind",
    "evaluation.completed": "kind",
    "evaluation.failed": "kind",
    "evaluation.cancelled": "kind",
}
UNNAMED = pgettext_lazy("a name that an old log entry does not hold", "(not named)")

# Word in the sentence -> the field of the entry's data it comes from, and the choices that name its values.
CHOICES: dict[str, tuple[str, Any]] = {
    "role": ("role", Role),
    "tier": ("risk_tier", RiskTier),
    "poc": ("decision", PocDecision),
    "decision": ("decision", Decision),
    "evidence_kind": ("kind", EvidenceKind),
    "evaluation_kind": ("kind", EvaluationKind),
    "data_role": ("role", DatasetRole),
}
# Kinds of subject that a sentence may name besides the entry's own subject.
MENTIONED = {"person": "user", "model": "model", "version": "version", "source": "source_dataset_version"}


def read_body(entry: AuditLogEntry) -> dict[str, Any] | None:
    """The entry's exact body as data; None for a text that ``append`` never wrote, so that its page can say so."""
    try:
        body: dict[str, Any] = json.loads(bytes(entry.body))
        things = [body["subject"], *body["related"]]
        words = [body["type"], body["actor"]["name"], *(thing[key] for thing in things for key in ("kind", "label"))]
        numbers = [thing["id"] for thing in things]
        is_ours = all(isinstance(word, str) for word in words) and all(type(number) is int for number in numbers)
    except (ValueError, KeyError, TypeError):
        return None
    return body if is_ours and isinstance(body.get("data"), dict) else None


def title_of(entry_type: str) -> str:
    """What kind of thing was done, such as “Evidence submitted”; an unknown type is shown as it is."""
    return str(TITLES.get(entry_type, entry_type))


def tell(entry: AuditLogEntry) -> str:
    """The entry as one sentence."""
    body = read_body(entry)
    return str(UNREADABLE) if body is None else tell_body(body)


def tell_body(body: dict[str, Any]) -> str:
    """The same from a body that has been read already."""
    variant = f"{body['type']}:{body['data'].get(VARIANTS.get(body['type'], ''), '')}"
    template = SENTENCES.get(variant) or SENTENCES.get(body["type"], OTHERWISE)
    return str(template) % _words(body)


def _words(body: dict[str, Any]) -> dict[str, str]:
    data = body["data"]
    words = {
        "type": body["type"],
        "who": body["actor"]["name"],
        "what": body["subject"]["label"],
        "project": body.get("project", {}).get("name", str(UNNAMED)),
        "size": str(data.get("size", "")),
        "days": str(data.get("days", "")),
        "until": str(data.get("expires_at", ""))[:10],
        "end": str(data.get("ends_at", ""))[:10],
        "environment": str(data.get("environment", "")),
    }
    mentioned = {thing["kind"]: thing["label"] for thing in [*body["related"], body["subject"]]}
    words |= {word: mentioned.get(kind, str(UNNAMED)) for word, kind in MENTIONED.items()}
    return words | {word: _name_choice(data.get(field, ""), kind) for word, (field, kind) in CHOICES.items()}


def _name_choice(value: Any, choices: Any) -> str:
    """The label of a recorded value; a value that no longer exists is shown as it was recorded."""
    label = str(choices(value).label) if value in choices.values else str(value) or _("(not said)")
    # “SHAP values” and “A/B result” keep their capitals in the middle of a sentence.
    return label[:1].lower() + label[1:] if label[1:2].islower() else label
