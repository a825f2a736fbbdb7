"""Signing, promoting, waiving, submitting, retiring: what the pages show first, and what they refuse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.actions import requirements, submission
from governance.dossier import collect
from governance.models import LogHead, ModelVersion, Release, SignOff, Waiver
from tests import cast
from tests.portal.pages.browsing import browse, text_of


def reading_of(version: ModelVersion) -> dict[str, Any]:
    """What the page's hidden fields say of the dossier now."""
    return {"dossier_digest": collect(version).digest, "read_index": LogHead.objects.get().size}


def signature(version: ModelVersion, **changes: Any) -> dict[str, Any]:
    given = {
        **reading_of(version),
        "role": "validator",
        "decision": "approve",
        "meaning": "I re-ran the evaluation.",
        "reason": "",
        "password": cast.PASSWORD,
    }
    return given | changes


def test_sign_page_shows_the_digest_and_posts_it_back(ready_version, validator) -> None:
    answer = browse(validator).get(f"/versions/{ready_version.pk}/sign/")
    page, digest = text_of(answer), collect(ready_version).digest

    assert answer["Cache-Control"] == "no-store, private"
    assert f'<code class="digest-in-full">{digest}</code>' in page
    assert f'name="dossier_digest" value="{digest}"' in page
    assert "I examined this dossier independently" in page
    assert "Validation report" in page


def test_nothing_is_decided_for_the_signer(ready_version, validator) -> None:
    """A password alone approves nothing: who is in a hurry has to choose at least."""
    client, address = browse(validator), f"/versions/{ready_version.pk}/sign/"
    form = client.get(address).context["form"]
    given = signature(ready_version, meaning="")
    del given["decision"]
    answer = client.post(address, given)

    assert (form["decision"].value(), form["meaning"].value()) == (None, None)
    assert answer.status_code == 400
    assert "Choose what you decide." in text_of(answer)
    assert SignOff.objects.count() == 0


def test_step_that_does_not_start_here_says_where_it_starts(version, approver) -> None:
    page = text_of(browse(approver).get(f"/versions/{version.pk}/promote/"))

    assert "This version is “Draft”. This step is possible once it is “Approved” or “Emergency release”." in page


def test_signature_is_recorded_word_for_word(ready_version, validator) -> None:
    digest = collect(ready_version).digest
    answer = browse(validator).post(f"/versions/{ready_version.pk}/sign/", signature(ready_version))
    signed = SignOff.objects.get()

    assert (answer.status_code, answer["Location"]) == (302, f"/versions/{ready_version.pk}/?tab=sign-offs")
    assert (signed.signer, signed.role, signed.decision) == (validator, "validator", "approve")
    assert (signed.meaning, signed.dossier_id) == ("I re-ran the evaluation.", digest)


def test_second_post_of_a_signature_signs_nothing_more(ready_version, validator) -> None:
    client, given = browse(validator), signature(ready_version)
    client.post(f"/versions/{ready_version.pk}/sign/", given)
    answer = client.post(f"/versions/{ready_version.pk}/sign/", given)

    assert answer.status_code == 409
    assert "You have signed exactly this already" in text_of(answer)
    assert SignOff.objects.count() == 1


def test_stale_digest_is_refused_with_what_changed_and_what_was_typed(ready_version, validator, developer) -> None:
    given = signature(ready_version, reason="Seen on Monday.")
    cast.submit(ready_version, "document", by=developer, title="Late card", file=[b"x"], file_name="card.md")
    answer = browse(validator).post(f"/versions/{ready_version.pk}/sign/", given)
    page = text_of(answer)

    assert answer.status_code == 409
    assert "The dossier changed while you read it" in page
    assert "Dana Whitfield submitted evidence for Readmission triage v1: Late card" in page
    assert "submitted Readmission triage v1 for review" not in page
    assert "Seen on Monday." in page
    assert f'href="/versions/{ready_version.pk}/"' in page
    assert cast.PASSWORD not in page
    assert SignOff.objects.count() == 0


def test_change_of_the_model_makes_the_form_stale_too(ready_version, validator, developer) -> None:
    given = signature(ready_version)
    requirements.write_requirement(ready_version.model, title="One more", statement="s", actor=cast.acting(developer))
    answer = browse(validator).post(f"/versions/{ready_version.pk}/sign/", given)

    assert answer.status_code == 409
    assert "One more" in text_of(answer)


def test_made_up_digest_is_refused(ready_version, validator) -> None:
    given = signature(ready_version, dossier_digest="sha256:" + "0" * 64, read_index="")
    answer = browse(validator).post(f"/versions/{ready_version.pk}/sign/", given)

    assert answer.status_code in {400, 409}
    assert SignOff.objects.count() == 0


def test_digest_of_another_version_is_refused(ready_version, validator, developer) -> None:
    other = cast.make_ready_version(ready_version.model, developer=developer)
    given = signature(ready_version, dossier_digest=collect(other).digest)

    assert browse(validator).post(f"/versions/{ready_version.pk}/sign/", given).status_code == 409
    assert SignOff.objects.count() == 0


def test_wrong_password_signs_nothing_and_keeps_the_rest(ready_version, validator) -> None:
    answer = browse(validator).post(
        f"/versions/{ready_version.pk}/sign/", signature(ready_version, password="wrong horse battery staple")
    )

    assert answer.status_code == 403
    assert "The password is not right. Nothing was recorded." in text_of(answer)
    assert "I re-ran the evaluation." in text_of(answer)
    assert SignOff.objects.count() == 0


def test_guessing_the_password_locks_the_right_one_out(ready_version, validator) -> None:
    client, address = browse(validator), f"/versions/{ready_version.pk}/sign/"
    for _guess in range(5):
        client.post(address, signature(ready_version, password="guess guess guess guess"))
    answer = client.post(address, signature(ready_version))

    assert answer.status_code == 429
    assert SignOff.objects.count() == 0


def test_refusal_needs_a_reason(ready_version, validator) -> None:
    given = signature(ready_version, decision="reject", meaning="No.")
    answer = browse(validator).post(f"/versions/{ready_version.pk}/sign/", given)

    assert answer.status_code == 400
    assert "Say why" in text_of(answer)
    assert SignOff.objects.count() == 0


def test_suggested_sentence_of_another_decision_is_not_signed(ready_version, validator) -> None:
    suggestion = "I examined this dossier independently and its evidence supports release."
    given = signature(ready_version, decision="reject", meaning=suggestion, reason="It fails.")
    answer = browse(validator).post(f"/versions/{ready_version.pk}/sign/", given)

    assert answer.status_code == 400
    assert "This sentence belongs to another role or decision" in text_of(answer)
    assert SignOff.objects.count() == 0


def test_approval_while_findings_stand_is_refused_with_them(model_with_go, developer, validator) -> None:
    version = submission.submit_version(cast.register_version(model_with_go, developer), actor=cast.acting(developer))
    client, address = browse(validator), f"/versions/{version.pk}/sign/"
    answer = client.post(address, signature(version))

    assert "Approving is refused while findings" in text_of(client.get(address))
    assert answer.status_code == 409
    assert "These findings stand" in text_of(answer)
    assert "I re-ran the evaluation." in text_of(answer)


def test_role_not_held_is_not_offered(ready_version, validator) -> None:
    answer = browse(validator).post(f"/versions/{ready_version.pk}/sign/", signature(ready_version, role="approver"))

    assert answer.status_code == 400
    assert SignOff.objects.count() == 0


@pytest.mark.parametrize("who", ["developer", "auditor"])
def test_who_may_not_sign_is_told_why_and_shown_no_form(who, ready_version, request) -> None:
    client, address = browse(request.getfixturevalue(who)), f"/versions/{ready_version.pk}/sign/"
    page = text_of(client.get(address))
    answer = client.post(address, signature(ready_version))

    assert "You cannot do this now" in page
    assert 'type="password"' not in page
    assert answer.status_code in {400, 403}
    assert SignOff.objects.count() == 0


def test_contributor_in_a_signing_role_is_told_what_the_log_says(ready_version, validator) -> None:
    requirements.write_requirement(ready_version.model, title="Mine", statement="s", actor=cast.acting(validator))
    client, address = browse(validator), f"/versions/{ready_version.pk}/sign/"
    page = text_of(client.get(address))
    answer = client.post(address, signature(ready_version))

    assert "somebody else must do this" in page
    assert "Requirement written" in page
    assert answer.status_code == 403


def test_earlier_signature_is_recalled_with_what_changed_since(ready_version, validator, developer) -> None:
    cast.sign(ready_version, validator, "validator")
    cast.submit(ready_version, "document", by=developer, title="Late card", file=[b"x"], file_name="card.md")
    page = text_of(browse(validator).get(f"/versions/{ready_version.pk}/sign/"))

    assert "You signed an earlier dossier" in page
    assert "evidence: Late card (new)" in page


def promotion_of(version: ModelVersion, **changes: Any) -> dict[str, Any]:
    return {**reading_of(version), "environment": "production", "password": cast.PASSWORD} | changes


def test_approved_version_is_promoted_once(ready_version, signers, approver) -> None:
    cast.sign_by_all(ready_version, signers)
    client, address = browse(approver), f"/versions/{ready_version.pk}/promote/"
    given = promotion_of(ready_version)
    page = text_of(client.get(address))
    first, second = client.post(address, given), client.post(address, given)

    assert "Promote to production" in page
    assert (first.status_code, second.status_code) == (302, 409)
    assert Release.objects.get().version == ready_version


def test_promotion_says_what_it_replaces(ready_version, signers, approver, developer) -> None:
    cast.sign_by_all(ready_version, signers)
    browse(approver).post(f"/versions/{ready_version.pk}/promote/", promotion_of(ready_version))
    following = cast.make_ready_version(ready_version.model, developer=developer)
    cast.sign_by_all(following, signers)
    page = text_of(browse(approver).get(f"/versions/{following.pk}/promote/"))

    assert "Readmission triage v1 runs in production now" in page


def test_promotion_before_approval_says_not_now(ready_version, approver) -> None:
    client, address = browse(approver), f"/versions/{ready_version.pk}/promote/"

    assert "This version is “In review”." in text_of(client.get(address))
    assert client.post(address, promotion_of(ready_version)).status_code == 409
    assert Release.objects.count() == 0


def test_promotion_of_a_stale_reading_is_refused(ready_version, signers, approver) -> None:
    cast.sign_by_all(ready_version, signers)
    given = promotion_of(ready_version, dossier_digest="sha256:" + "0" * 64)
    answer = browse(approver).post(f"/versions/{ready_version.pk}/promote/", given)

    assert answer.status_code == 409
    assert "The dossier changed while you read it" in text_of(answer)
    assert Release.objects.count() == 0


@pytest.mark.parametrize("who", ["validator", "developer", "auditor"])
def test_only_an_approver_promotes(who, ready_version, signers, request) -> None:
    cast.sign_by_all(ready_version, signers)
    client = browse(request.getfixturevalue(who))

    assert client.post(f"/versions/{ready_version.pk}/promote/", promotion_of(ready_version)).status_code == 403
    assert Release.objects.count() == 0


def test_draft_is_submitted_once_and_only_after_a_go(version, developer, administrator) -> None:
    client, address = browse(developer), f"/versions/{version.pk}/submit/"
    assert "recorded go" in text_of(client.get(address))
    assert client.post(address).status_code == 409

    cast.record_go(version.model, developer=developer, administrator=administrator)
    assert client.post(address).status_code == 302
    assert client.post(address).status_code == 409
    version.refresh_from_db()
    assert version.state == "IN_REVIEW"


def waiver_of(key: str, **changes: Any) -> dict[str, Any]:
    until = timezone.now().date() + timedelta(days=30)
    return {
        "finding_key": key,
        "reason": "Comes in May.",
        "expires_at": until.isoformat(),
        "password": cast.PASSWORD,
    } | changes


def test_finding_is_waived_by_name_until_the_end_of_a_day(version, compliance, auditor) -> None:
    client, address = browse(compliance), f"/versions/{version.pk}/waive/"
    form = client.get(f"{address}?finding=evidence:predictions").context["form"]
    answer = client.post(address, waiver_of("evidence:predictions"))
    waiver = Waiver.objects.get()

    assert form["finding_key"].value() == "evidence:predictions"
    assert answer.status_code == 302
    assert (waiver.finding_key, f"{waiver.expires_at:%H:%M:%S %Z}") == ("evidence:predictions", "23:59:59 UTC")
    assert "waived by Carla Mendes" in text_of(browse(auditor).get(f"/versions/{version.pk}/"))
    page = text_of(browse(auditor).get(f"/versions/{version.pk}/?tab=sign-offs"))
    assert "Predictions" in page.partition("Waivers <span")[2].partition("evidence:predictions")[0]


@pytest.mark.parametrize(
    ("key", "changes", "status"),
    [
        ("evidence:predictions", {"reason": ""}, 400),
        ("evidence:predictions", {"expires_at": "2099-01-01"}, 400),
        ("evidence:predictions", {"password": "wrong wrong wrong"}, 403),
        ("sign_off:validator:0", {}, 400),
        ("identity:artifact", {}, 400),
    ],
)
def test_waiver_is_refused(key, changes, status, version, compliance) -> None:
    answer = browse(compliance).post(f"/versions/{version.pk}/waive/", waiver_of(key, **changes))

    assert answer.status_code == status
    assert Waiver.objects.count() == 0


def test_only_compliance_waives(version, approver) -> None:
    client, address = browse(approver), f"/versions/{version.pk}/waive/"

    assert "You cannot do this now" in text_of(client.get(address))
    assert client.post(address, waiver_of("evidence:predictions")).status_code == 403


def test_version_is_retired_with_a_reason_once(version, approver, developer) -> None:
    client, address = browse(approver), f"/versions/{version.pk}/retire/"

    assert client.post(address, {"reason": ""}).status_code == 400
    assert browse(developer).post(address, {"reason": "Wrong extract."}).status_code == 403
    assert client.post(address, {"reason": "Wrong extract."}).status_code == 302
    assert client.post(address, {"reason": "Wrong extract."}).status_code == 409
    version.refresh_from_db()
    assert version.state == "RETIRED"
