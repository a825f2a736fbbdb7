"""People, their projects and roles, and the tokens their programs use."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

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
    """One role of one user in one project, from a day until a day."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    granted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    granted_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

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
