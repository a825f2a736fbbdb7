"""Projects: members, roles, and the requirement templates."""

from __future__ import annotations

import pytest

from governance.actions import people
from governance.models import AuditLogEntry, Membership, Project, RequirementTemplate
from tests import cast
from tests.portal.pages.browsing import browse, count_queries, text_of

TEXT = """- title: Right often enough
  statement: It decides well.
  criteria:
    - {metric: accuracy, comparator: at_least, threshold: 0.8}
"""


def template_of(project: Project, tier: str = "high") -> RequirementTemplate:
    return project.requirement_templates.get(risk_tier=tier)


def test_list_shows_projects_with_their_size(version, developer, validator) -> None:
    [project] = browse(developer).get("/projects/").context["page"].rows

    assert (project.name, project.model_count, project.people_count) == ("Patient pathways", 1, 2)


def test_list_asks_as_often_with_three_as_with_one(project, organisation_administrator) -> None:
    client = browse(organisation_administrator)
    with_one = count_queries(client, "/projects/")
    for name in ("Two", "Three"):
        people.create_project(name=name, actor=cast.acting(organisation_administrator))

    assert count_queries(client, "/projects/") == with_one


def test_organisation_administrator_opens_a_project(organisation_administrator) -> None:
    answer = browse(organisation_administrator).post("/projects/new/", {"name": "Credit", "description": "Loans."})

    project = Project.objects.get(name="Credit")
    assert answer["Location"] == f"/projects/{project.pk}/"
    assert project.requirement_templates.count() == 3


def test_second_project_of_a_name_is_refused(project, organisation_administrator) -> None:
    answer = browse(organisation_administrator).post("/projects/new/", {"name": "patient PATHWAYS"})

    assert answer.status_code == 409
    assert list(answer.context["form"].errors) == ["name"]


@pytest.mark.parametrize("method", ["get", "post"])
def test_others_open_no_project(method, administrator) -> None:
    answer = getattr(browse(administrator), method)("/projects/new/", {"name": "Credit"})

    assert answer.status_code == 403
    assert "Only an organisation administrator may create project." in text_of(answer)


def test_member_sees_people_and_roles_without_buttons(project, developer, validator) -> None:
    page = text_of(browse(developer).get(f"/projects/{project.pk}/"))

    assert "Viktor Hahn" in page
    assert "Grant a role" not in page
    assert "/end/" not in page


def test_administrator_grants_a_role(project, administrator, developer) -> None:
    client = browse(administrator)
    answer = client.post(f"/projects/{project.pk}/", {"user": developer.pk, "role": "auditor"}, follow=True)

    assert Membership.objects.current().filter(project=project, user=developer, role="auditor").exists()
    assert "Dana Whitfield is auditor now." in text_of(answer)


def test_role_held_already_is_refused(project, administrator, developer) -> None:
    answer = browse(administrator).post(f"/projects/{project.pk}/", {"user": developer.pk, "role": "developer"})

    assert answer.status_code == 409
    assert list(answer.context["form"].errors) == ["role"]


def test_developer_cannot_grant_a_role(project, developer) -> None:
    before = AuditLogEntry.objects.count()
    answer = browse(developer).post(f"/projects/{project.pk}/", {"user": developer.pk, "role": "approver"})

    assert answer.status_code == 403
    assert AuditLogEntry.objects.count() == before


def test_ending_a_role_is_asked_first_and_stays_on_record(project, administrator, developer) -> None:
    membership = Membership.objects.get(user=developer)
    client = browse(administrator)

    assert "stays valid and on record" in text_of(client.get(f"/roles/{membership.pk}/end/"))
    answer = client.post(f"/roles/{membership.pk}/end/", {"reason": "Moved."}, follow=True)
    membership.refresh_from_db()
    assert membership.ended_at is not None
    assert "1 former role" in text_of(answer)


def test_member_without_the_right_cannot_end_a_role(project, developer, validator) -> None:
    membership = Membership.objects.get(user=validator)

    assert browse(developer).get(f"/roles/{membership.pk}/end/").status_code == 403
    assert browse(developer).post(f"/roles/{membership.pk}/end/").status_code == 403
    membership.refresh_from_db()
    assert membership.ended_at is None


def test_page_asks_as_often_with_many_members_as_with_few(project, developer, organisation_administrator) -> None:
    client = browse(developer)
    with_one = count_queries(client, f"/projects/{project.pk}/")
    for number in range(3):
        cast.make_member(f"u{number}", f"Uma {number}", project, "auditor", by=organisation_administrator)

    assert count_queries(client, f"/projects/{project.pk}/") == with_one


def test_template_is_read_by_members_and_edited_by_administrators(project, developer, administrator) -> None:
    path = f"/projects/{project.pk}/templates/high/"

    assert "<textarea" not in text_of(browse(developer).get(path))
    assert "<textarea" in text_of(browse(administrator).get(path))
    assert browse(developer).get(f"/projects/{project.pk}/templates/huge/").status_code == 404


def test_template_is_written_as_the_next_revision(project, administrator) -> None:
    client = browse(administrator)
    answer = client.post(f"/projects/{project.pk}/templates/high/", {"text": TEXT, "revision": "1"})

    template = template_of(project)
    assert answer.status_code == 302
    assert (template.revision, template.text.replace("\r\n", "\n")) == (2, TEXT)


def test_template_changed_meanwhile_is_not_overwritten_and_the_text_is_kept(project, administrator) -> None:
    people.write_template(project, risk_tier="high", text=TEXT, actor=cast.acting(administrator))
    mine = TEXT.replace("0.8", "0.9")
    answer = browse(administrator).post(f"/projects/{project.pk}/templates/high/", {"text": mine, "revision": "1"})
    page = text_of(answer)

    assert answer.status_code == 409
    assert "revision 2, you saw 1" in page
    assert "threshold: 0.9" in page
    assert "0.9" not in template_of(project).text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- title: [", "not valid YAML"),
        ("title: x", "a list of requirements"),
        ("- {title: a}", "requirement 1"),
        (TEXT.replace("at_least", "above"), "requirement 1, criterion 1"),
    ],
)
def test_bad_template_is_refused_where_it_is_wrong(text, says, project, administrator) -> None:
    answer = browse(administrator).post(f"/projects/{project.pk}/templates/high/", {"text": text, "revision": "1"})

    assert answer.status_code == 400
    assert says in answer.context["form"].errors["text"][0]
    assert template_of(project).revision == 1


def test_template_older_than_a_rule_is_shown_with_the_reason(project, administrator) -> None:
    RequirementTemplate.objects.filter(project=project, risk_tier="high").update(text="- {title: a}")
    client = browse(administrator)

    assert client.get(f"/projects/{project.pk}/").status_code == 200
    assert "requirement 1" in text_of(client.get(f"/projects/{project.pk}/templates/high/"))


def test_developer_cannot_write_a_template(project, developer) -> None:
    answer = browse(developer).post(f"/projects/{project.pk}/templates/high/", {"text": TEXT, "revision": "1"})

    assert answer.status_code == 403
    assert template_of(project).revision == 1
