"""People, their projects and roles, and the tokens their programs use."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    DEVELOPER = "developer", _("Developer")
    VALIDATOR = "validator", _("Validator")
    APPROVER = "approver", _("Approver")
    COMPLIANCE = "compliance", _("Compliance")
    AUDITOR = "auditor", _("Auditor")
    ADMINISTRATOR = "administrator", _("Administrator")


def new_person_key() -> str:
    return uuid.uuid4().hex


class PeopleQuerySet(models.QuerySet["User"]):
    def visible_to(self, user: User) -> PeopleQuerySet:
        """Those a user shares a project with, and themselves; everybody for organisation administrators."""
        people = self.filter(is_system=False)
        if user.is_organisation_administrator:
            return people
        shared = Membership.objects.current().visible_to(user)
        return people.filter(models.Q(pk=user.pk) | models.Q(pk__in=shared.values("user_id")))


class PeopleManager(UserManager["User"]):
    def get_queryset(self) -> PeopleQuerySet:
        return PeopleQuerySet(self.model, using=self._db)

    def system(self) -> User:
        """The user that automatic work is recorded under. It cannot sign in and holds no role."""
        return self.get_or_create(
            username="system", defaults={"full_name": "Countersign", "is_system": True, "is_active": False}
        )[0]


class User(AbstractUser):
    """A login. Users are closed, never deleted: history names them for ever.

    ``person_key`` says which human stands behind the login; two logins of one human share it, and separation of
    duties compares persons, not logins.
    """

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    full_name = models.CharField(_("full name"), max_length=200)
    email = models.EmailField(_("e-mail"), blank=True)
    person_key = models.CharField(max_length=64, default=new_person_key, editable=False, db_index=True)
    is_organisation_administrator = models.BooleanField(
        default=False, help_text=_("May create projects and people and grant roles in every project.")
    )
    is_system = models.BooleanField(default=False, editable=False)

    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]
    objects: ClassVar[PeopleManager] = PeopleManager()

    def __str__(self) -> str:
        return self.full_name or self.username

    def get_full_name(self) -> str:
        return self.full_name or self.username

    def get_short_name(self) -> str:
        return self.get_full_name()

    def check_password(self, raw_password: str | None) -> bool:
        """Whether this is the password. The stored hash is on record, so it is not silently made anew here."""
        return check_password(raw_password, self.password)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise models.ProtectedError("Users are closed (is_active=False), never deleted.", {self})


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, user: User) -> ProjectQuerySet:
        if user.is_organisation_administrator:
            return self
        return self.filter(pk__in=Membership.objects.filter(user=user, ended_at=None).values("project_id"))


class Project(models.Model):
    """A team's space; roles are held in it."""

    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    solo_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("Since when too few people may sign for themselves. Shown in red everywhere."),
    )
    solo_reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class MembershipQuerySet(models.QuerySet["Membership"]):
    def current(self) -> MembershipQuerySet:
        return self.filter(ended_at=None)

    def visible_to(self, user: User) -> MembershipQuerySet:
        return self.filter(project__in=Project.objects.visible_to(user))


class Membership(models.Model):
    """One role of one user in one project, from a day until a day.

    ``confirmed_by`` is a second administrator who stands for a role that was granted while a dossier was open: without
    it such a role signs nothing that was submitted before. A role that was ended for cause takes its sign-offs along.
    """

    project = models.ForeignKey(Project, models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    granted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    granted_at = models.DateTimeField(auto_now_add=True)
    confirmed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_for_cause = models.BooleanField(default=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ("project", "user", "role")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["project", "user", "role"],
                condition=models.Q(ended_at=None),
                name="one_current_membership_per_role",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} in {self.project}"


class DelegationQuerySet(models.QuerySet["Delegation"]):
    def standing(self, *, now: datetime) -> DelegationQuerySet:
        return self.filter(starts_at__lte=now, ends_at__gt=now, ended_at=None)

    def visible_to(self, user: User) -> DelegationQuerySet:
        return self.filter(project__in=Project.objects.visible_to(user))


class Delegation(models.Model):
    """``to_user`` may sign in ``role`` for ``from_user`` for a time.

    It gives no right that ``from_user`` does not hold then, and is no way round separation of duties, which asks both.
    """

    project = models.ForeignKey(Project, models.PROTECT, related_name="delegations")
    from_user = models.ForeignKey(User, models.PROTECT, related_name="delegations_given")
    to_user = models.ForeignKey(User, models.PROTECT, related_name="delegations_received")
    role = models.CharField(max_length=20, choices=Role.choices)
    reason = models.TextField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    given_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = DelegationQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~models.Q(from_user=models.F("to_user")), name="delegation_to_somebody_else"
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="delegation_ends_after_it_starts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.from_user} to {self.to_user}"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, *, now: datetime) -> ApiTokenQuerySet:
        return self.filter(revoked_at=None, expires_at__gt=now, user__is_active=True)

    def visible_to(self, user: User) -> ApiTokenQuerySet:
        return self.filter(user=user)


class ApiToken(models.Model):
    """A program's key: 256 random bits shown once; only their SHA-256 is kept.

    ``prefix`` is public and finds the row; ``scopes`` and ``project`` narrow the owner's own rights, never widen them.
    """

    user = models.ForeignKey(User, models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True)
    secret_digest = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    project = models.ForeignKey(Project, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
