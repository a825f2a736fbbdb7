"""Who may do what, written out: every verb and role, every verb and scope."""

from __future__ import annotations

import dataclasses

import pytest

from governance import permissions
from governance.actions import catalog, people
from governance.actors import API_TOKEN, COMMAND, SESSION, SYSTEM, Actor
from governance.exceptions import NotPermitted
from governance.models import Membership, Project, Role, User
from governance.permissions import RULES, SCOPES, authorise, available_verbs, duties_are_separate, may
from tests import cast

pytestmark = pytest.mark.django_db

# One letter for each role: developer, validator, compliance, approver, administrator, auditor;
# then O for organisation administrators without a role, and the scope a token needs (- for none: a person only).
MATRIX = """
create_project          ......O  administer
create_user             ......O  administer
manage_members          ....M.O  administer
write_template          ..C.M..  administer
propose_policy          ..C.M..  administer
adopt_policy            ..C.M..  -
withdraw_policy         ..C.M..  administer
register_model          D......  submit
describe_model          D......  submit
assess_risk             D.C....  submit
write_requirement       DVC....  submit
write_proof_of_concept  D......  submit
decide_proof_of_concept ...AM..  -
register_dataset        D......  submit
register_version        D......  submit
declare_dataset_use     D......  submit
recall_dataset_version  D.C....  submit
submit_evidence         DVC....  submit
request_evaluation      DVC....  submit
submit_version          D......  submit
write_remark            DVCAMU.  submit
resolve_question        DVCAMU.  -
sign_off                .VCA...  -
sign_for_another        DVCAMU.  -
overrule_refusal        .VCAM..  -
grant_waiver            .VCAM..  -
promote                 ...A...  -
roll_back               ...A...  -
ask_for_emergency       .VCA...  -
confirm_emergency       .VCA...  -
close_follow_up         .VCAM..  -
delegate                .VCA...  -
confirm_role            ....M.O  -
set_solo_mode           ......O  -
retire                  ...AM..  -
load_framework          ......O  administer
answer_for_organisation ......O  administer
answer_fact             DVC.M..  submit
rule_on_control         .VCA...  -
sign_fact               DVCA...  -
request_report          DVCAMU.  report
request_organisation_report ......O  report
export_log              ....MUO  read
"""
LETTERS = dict(
    zip("DVCAMU", ["developer", "validator", "compliance", "approver", "administrator", "auditor"], strict=True)
)
TABLE = {verb: (marks, scope) for verb, marks, scope in (line.split() for line in MATRIX.strip().splitlines())}


@pytest.fixture
def lena(organisation_administrator: User) -> User:
    """Somebody without any role."""
    return cast.make_person("lena", "Lena Ruud", by=organisation_administrator)


def test_the_matrix_names_every_verb():
    assert sorted(TABLE) == sorted(RULES)
    assert set(LETTERS.values()) == set(Role)


@pytest.mark.parametrize("letter", LETTERS)
def test_each_role_may_exactly_what_the_matrix_says(letter, project, lena, organisation_administrator):
    people.grant_role(project, user=lena, role=LETTERS[letter], actor=cast.acting(organisation_administrator))
    allowed = {verb for verb, (marks, _scope) in TABLE.items() if letter in marks}
    assert available_verbs(cast.acting(lena), project) == allowed
    for verb in RULES:
        assert may(cast.acting(lena), verb, project) is (verb in allowed), verb


def test_organisation_administrator_may_what_the_matrix_says_and_signs_nothing(project, organisation_administrator):
    allowed = {verb for verb, (marks, _scope) in TABLE.items() if "O" in marks}
    assert available_verbs(cast.acting(organisation_administrator), project) == allowed
    assert allowed & {"sign_off", "promote", "grant_waiver", "submit_evidence", "retire"} == set()


def test_several_roles_add_up(project, lena, organisation_administrator):
    for role in ("auditor", "approver"):
        people.grant_role(project, user=lena, role=role, actor=cast.acting(organisation_administrator))
    allowed = {verb for verb, (marks, _scope) in TABLE.items() if set("UA") & set(marks)}
    assert available_verbs(cast.acting(lena), project) == allowed


@pytest.mark.parametrize("verb", sorted(RULES))
def test_nobody_may_anything_without_a_role_or_with_one_elsewhere(verb, project, lena, stranger):
    for user in (lena, stranger):
        with pytest.raises(NotPermitted) as caught:
            authorise(cast.acting(user), verb, project)
        assert caught.value.code == "not_permitted"


def test_ended_role_gives_nothing(project, developer, organisation_administrator):
    people.end_role(Membership.objects.get(user=developer), actor=cast.acting(organisation_administrator))
    assert available_verbs(cast.acting(developer), project) == frozenset()


@pytest.mark.parametrize("verb", sorted(RULES))
def test_closed_account_may_nothing(verb, project, lena, organisation_administrator):
    for role in Role.values:
        people.grant_role(project, user=lena, role=role, actor=cast.acting(organisation_administrator))
    lena.is_active, lena.is_organisation_administrator = False, True
    with pytest.raises(NotPermitted) as caught:
        authorise(cast.acting(lena), verb, project)
    assert caught.value.code == "account_closed"


@pytest.mark.parametrize("verb", sorted(RULES))
def test_system_user_may_nothing(verb, project):
    with pytest.raises(NotPermitted):
        authorise(Actor(User.objects.system(), SYSTEM), verb, project)


def test_refusal_says_which_role_is_needed(project, auditor):
    with pytest.raises(NotPermitted, match="To write template in Patient pathways you need the role administrator or"):
        authorise(cast.acting(auditor), "write_template", project)
    with pytest.raises(NotPermitted, match="Only an organisation administrator may create user"):
        authorise(cast.acting(auditor), "create_user", None)


# --- Tokens ----------------------------------------------------------------------------------------------


@pytest.fixture
def omnipotent(project: Project, lena: User, organisation_administrator: User) -> User:
    """Somebody with every role who is organisation administrator as well."""
    for role in Role.values:
        people.grant_role(project, user=lena, role=role, actor=cast.acting(organisation_administrator))
    lena.is_organisation_administrator = True
    lena.save(update_fields=["is_organisation_administrator"])
    return lena


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_opens_exactly_what_the_matrix_says(scope, project, omnipotent):
    actor = Actor(omnipotent, API_TOKEN, scopes=frozenset({scope}))
    assert available_verbs(actor, project) == {verb for verb, (_marks, needed) in TABLE.items() if needed == scope}


@pytest.mark.parametrize("scopes", [None, frozenset(), frozenset({"everything"}), frozenset({"SUBMIT"})])
def test_token_without_a_known_scope_may_nothing(scopes, project, omnipotent):
    assert available_verbs(Actor(omnipotent, API_TOKEN, scopes=scopes), project) == frozenset()


@pytest.mark.parametrize("authentication", [API_TOKEN, COMMAND, SYSTEM])
def test_only_a_person_signs(authentication, project, omnipotent):
    actor = Actor(omnipotent, authentication, scopes=frozenset(SCOPES))
    personal = {verb for verb, (_marks, scope) in TABLE.items() if scope == "-"}
    assert personal >= {"sign_off", "sign_for_another", "overrule_refusal", "grant_waiver", "promote", "roll_back"}
    assert personal >= {"retire", "decide_proof_of_concept", "adopt_policy", "confirm_emergency", "set_solo_mode"}
    for verb in personal:
        with pytest.raises(NotPermitted) as caught:
            authorise(actor, verb, project)
        assert caught.value.code == "person_needed"
        authorise(dataclasses.replace(actor, authentication=SESSION), verb, project)


def test_scopes_never_widen_the_roles(project, auditor):
    actor = Actor(auditor, API_TOKEN, scopes=frozenset(SCOPES))
    assert available_verbs(actor, project) == {"export_log", "request_report", "write_remark"}


def test_token_bound_to_a_project_works_there_only(project, omnipotent, organisation_administrator):
    root = cast.acting(organisation_administrator)
    other = people.create_project(name="Other", actor=root)
    people.grant_role(other, user=omnipotent, role="developer", actor=root)
    bound = Actor(omnipotent, API_TOKEN, scopes=frozenset(SCOPES), token_project_id=other.pk)
    free = Actor(omnipotent, API_TOKEN, scopes=frozenset(SCOPES))
    assert may(free, "register_model", project)
    assert not may(bound, "register_model", project)
    assert may(bound, "register_model", other)
    assert may(free, "create_user", None)
    assert not may(bound, "create_user", None)
    with pytest.raises(NotPermitted, match="bound to another project"):
        catalog.register_model(project, name="M", actor=bound)


# --- Separation of duties ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("keys", "separate"), [((), True), (("b",), True), (("a",), False), (("b", "a", "a"), False)])
def test_duties_are_separate_compares_persons(keys, separate):
    assert duties_are_separate(User(person_key="a"), iter(keys)) is separate


def test_roles_are_read_anew_each_time(project, developer, organisation_administrator):
    assert permissions.roles_of(developer, project) == {"developer"}
    people.grant_role(project, user=developer, role="auditor", actor=cast.acting(organisation_administrator))
    assert permissions.roles_of(developer, project) == {"developer", "auditor"}
