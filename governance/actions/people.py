"""Projects, people, roles and tokens."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from governance import auditlog
from governance.actors import API_TOKEN, COMMAND, Actor
from governance.auditlog import Subject
from governance.credentials import digest_credential
from governance.exceptions import Duplicate, InvalidInput, NotPermitted
from governance.look_alikes import fold_email, fold_letters
from governance.models import ApiToken, Membership, Project, RequirementTemplate, RiskTier, Role, User
from governance.permissions import SCOPES, authorise, roles_of
from governance.reauthentication import Proof, challenge_for, reauthenticate
from governance.requirement_template import built_in_text, parse_template
from governance.revision import check_revision
from governance.text import clean_name, clean_text
from governance.token_secret import digest_secret

TOKEN_PREFIX = "csn_"  # noqa: S105  (the public beginning of every token)
LONGEST_TOKEN_DAYS = 90


@transaction.atomic
def create_user(
    *,
    username: str,
    full_name: str,
    email: str,
    password: str,
    is_organisation_administrator: bool = False,
    actor: Actor,
) -> User:
    """Open an account. Refuses a login or an e-mail that is in use (also by a closed account) and a weak password.

    A program makes no organisation administrators: whoever had its token would go on as a person who signs.
    """
    authorise(actor, "create_user", None)
    if is_organisation_administrator and actor.authentication == API_TOKEN:
        raise NotPermitted(
            "Only a person who is signed in makes somebody an organisation administrator.", code="person_needed"
        )
    user = _open_account(username, full_name, email, password, is_organisation_administrator)
    _log_opening(user, actor)
    return user


@transaction.atomic
def create_administrator(
    *, username: str, full_name: str, email: str, password: str, another: bool = False, actor: Actor
) -> User:
    """Open the first organisation administrator's account, from an operator's command line.

    Nobody can grant that right before somebody holds it. Refuses when there is one already, unless ``another``.
    """
    if actor.authentication != COMMAND:
        raise NotPermitted("The first administrator is made on the operator's command line.")
    if not another and User.objects.filter(is_organisation_administrator=True, is_active=True).exists():
        raise Duplicate("There is an organisation administrator already, who can open further accounts in the portal.")
    user = _open_account(username, full_name, email, password, True)
    _log_opening(user, actor)
    return user


def _open_account(username: str, full_name: str, email: str, password: str, administers: bool) -> User:
    username = clean_name(username, "username", limit=150).lower()
    email = clean_name(email, "email", limit=254).lower()
    if User.objects.filter(username__iexact=username).exists():
        raise Duplicate(f"The login “{username}” is or was in use; logins are never given twice.", field="username")
    if User.objects.filter(email__iexact=email).exists():
        raise Duplicate("There is an account for this e-mail already.", field="email")
    twin = _find_same_person(email)
    user = User(
        username=username,
        full_name=clean_name(full_name, "full_name", limit=200),
        email=email,
        is_organisation_administrator=administers,
    )
    if twin is not None:
        user.person_key = twin.person_key  # two logins of one human: duties are separated by person
    _set_password(user, password, field="password")
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        raise Duplicate(f"The login “{username}” was given this moment.", field="username") from None
    return user


def _find_same_person(email: str) -> User | None:
    """An account whose address reaches the same mailbox, or only looks like another one."""
    folded = fold_email(email)
    for user in User.objects.filter(is_system=False).exclude(email="").order_by("pk").only("email", "person_key"):
        if fold_email(user.email) == folded:
            return user
    return None


def _set_password(user: User, password: str, *, field: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages), field=field) from None
    user.set_password(password)


@transaction.atomic
def change_password(*, password: str | Proof, new_password: str, actor: Actor) -> User:
    """Give the actor's own account another password. Needs the proof a signature needs; never through a token."""
    if not actor.is_interactive:
        raise NotPermitted("Only a person who is signed in changes a password.", code="person_needed")
    user = User.objects.select_for_update().get(pk=actor.user.pk)
    reauthenticate(user, password, challenge=challenge_for("change_password", user.pk))
    if user.check_password(new_password):
        raise InvalidInput("The new password is the present one.", field="new_password")
    _set_password(user, new_password, field="new_password")
    user.save(update_fields=["password"])
    auditlog.append(
        "user.password_changed",
        actor=actor,
        subject=_about(user),
        project=None,
        data={"credential": digest_credential(user.password)},
    )
    return user


def _log_opening(user: User, actor: Actor) -> None:
    auditlog.append(
        "user.created",
        actor=actor,
        subject=_about(user),
        project=None,
        data={
            "organisation_administrator": user.is_organisation_administrator,
            "person": user.person_key,
            "login": user.username,
            "credential": digest_credential(user.password),
        },
    )


@transaction.atomic
def close_user(user: User, *, reason: str, actor: Actor) -> User:
    """Close an account. It stays in the record; its tokens stop working at once."""
    authorise(actor, "create_user", None)
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.pk == actor.user.pk:
        raise InvalidInput("You cannot close your own account.", field="user")
    user.is_active = False
    user.save(update_fields=["is_active"])
    auditlog.append(
        "user.closed",
        actor=actor,
        subject=_about(user),
        project=None,
        reason=clean_text(reason, "reason", required=True),
    )
    return user


@transaction.atomic
def create_project(*, name: str, description: str = "", actor: Actor) -> Project:
    """Open a project with the built-in requirement template of each tier."""
    authorise(actor, "create_project", None)
    name = clean_name(name, "name")
    slug = slugify(name)
    if Project.objects.filter(name__iexact=name).exists() or Project.objects.filter(slug=slug).exists():
        raise Duplicate(f"There is a project named “{name}” already.", field="name")
    if fold_letters(name) in {fold_letters(other) for other in Project.objects.values_list("name", flat=True)}:
        raise Duplicate("There is a project whose name looks the same.", field="name")
    if not slug:
        raise InvalidInput("“name” needs at least one letter or digit.", field="name")
    project = Project(name=name, slug=slug, description=clean_text(description, "description"))
    try:
        with transaction.atomic():
            project.save()
    except IntegrityError:
        raise Duplicate(f"A project named “{name}” was opened this moment.", field="name") from None
    RequirementTemplate.objects.bulk_create(
        RequirementTemplate(project=project, risk_tier=tier, text=built_in_text(tier)) for tier in RiskTier.values
    )
    auditlog.append("project.created", actor=actor, subject=Subject("project", project.pk, name), project=project)
    return project


@transaction.atomic
def grant_role(project: Project, *, user: User, role: str, actor: Actor) -> Membership:
    """Give a person a role. Refuses a closed account, an unknown role and a role held already."""
    authorise(actor, "manage_members", project)
    if role not in Role.values:
        raise InvalidInput(f"“{role}” is not a role; choose one of {', '.join(Role.values)}.", field="role")
    if not user.is_active or user.is_system:
        raise InvalidInput("This account is closed.", field="user")
    Project.objects.select_for_update().get(pk=project.pk)
    if Membership.objects.current().filter(project=project, user=user, role=role).exists():
        raise Duplicate(f"{user} is {role} in {project} already.", field="role")
    membership = Membership.objects.create(project=project, user=user, role=role, granted_by=actor.user)
    auditlog.append(
        "membership.granted",
        actor=actor,
        subject=_about(user),
        project=project,
        related=[Subject("membership", membership.pk, role)],
        data={"role": role},
    )
    return membership


@transaction.atomic
def end_role(membership: Membership, *, reason: str = "", for_cause: bool = False, actor: Actor) -> Membership:
    """Take a role back. The row stays, with its end.

    A leaver's sign-offs go on counting; those of a role that ends ``for_cause`` do not, and that needs a reason.
    """
    authorise(actor, "manage_members", membership.project)
    membership = Membership.objects.select_for_update().select_related("project", "user").get(pk=membership.pk)
    if membership.ended_at is not None:
        raise Duplicate("This role has ended already.")
    reason = clean_text(reason, "reason", required=for_cause)
    membership.ended_at, membership.ended_for_cause = auditlog.database_now(), for_cause
    membership.save(update_fields=["ended_at", "ended_for_cause"])
    auditlog.append(
        "membership.ended",
        actor=actor,
        subject=_about(membership.user),
        project=membership.project,
        related=[Subject("membership", membership.pk, membership.role)],
        data={"role": membership.role, "for_cause": for_cause},
        reason=reason,
    )
    return membership


@transaction.atomic
def create_token(
    *, name: str, scopes: list[str], days: int, project: Project | None = None, actor: Actor
) -> tuple[ApiToken, str]:
    """Make a token for the actor and return it with its secret, which is kept nowhere and shown once."""
    if actor.authentication == API_TOKEN:
        raise NotPermitted("A token cannot make tokens: sign in as a person.", code="person_needed")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise InvalidInput(f"Choose scopes among {', '.join(SCOPES)}.", field="scopes")
    if not 1 <= days <= LONGEST_TOKEN_DAYS:
        raise InvalidInput(f"A token lives 1 to {LONGEST_TOKEN_DAYS} days.", field="days")
    if project is not None and not roles_of(actor.user, project):
        raise NotPermitted("You hold no role in that project.")
    prefix = TOKEN_PREFIX + secrets.token_hex(4)
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    token = ApiToken.objects.create(
        user=actor.user,
        name=clean_name(name, "name", limit=100),
        prefix=prefix,
        secret_digest=digest_secret(secret),
        scopes=sorted(set(scopes)),
        project=project,
        expires_at=auditlog.database_now() + timedelta(days=days),
    )
    auditlog.append(
        "token.created",
        actor=actor,
        subject=Subject("token", token.pk, prefix),
        project=project,
        data={"scopes": token.scopes, "days": days, "credential": digest_credential(token.secret_digest)},
    )
    return token, secret


@transaction.atomic
def revoke_token(token: ApiToken, *, actor: Actor) -> ApiToken:
    """End a token at once: its owner's, or anybody's for an organisation administrator. A token ends only itself."""
    if actor.authentication == API_TOKEN and actor.token_prefix != token.prefix:
        raise NotPermitted("A token ends only itself: sign in as a person.", code="person_needed")
    if token.user_id != actor.user.pk and not actor.user.is_organisation_administrator:
        raise NotPermitted("This token is not yours.")
    token = ApiToken.objects.select_for_update().get(pk=token.pk)
    if token.revoked_at is not None:
        raise Duplicate("This token is revoked already.")
    token.revoked_at = auditlog.database_now()
    token.save(update_fields=["revoked_at"])
    auditlog.append(
        "token.revoked", actor=actor, subject=Subject("token", token.pk, token.prefix), project=token.project
    )
    return token


@transaction.atomic
def write_template(
    project: Project, *, risk_tier: str, text: str, seen_revision: int | None = None, actor: Actor
) -> RequirementTemplate:
    """Replace the project's requirement template of a tier. Requirements made from it before stay as they are."""
    authorise(actor, "write_template", project)
    if risk_tier not in RiskTier.values:
        raise InvalidInput(f"“{risk_tier}” is not a tier.", field="risk_tier")
    parse_template(text)
    template = RequirementTemplate.objects.select_for_update().get(project=project, risk_tier=risk_tier)
    check_revision(template.revision, seen_revision)
    template.text = text
    template.revision += 1
    template.save(update_fields=["text", "revision"])
    auditlog.append(
        "template.written",
        actor=actor,
        subject=Subject("template", template.pk, risk_tier),
        project=project,
        data={"revision": template.revision, "digest": "sha256:" + hashlib.sha256(text.encode()).hexdigest()},
    )
    return template


def _about(user: User) -> Subject:
    return Subject("user", user.pk, user.get_full_name())
