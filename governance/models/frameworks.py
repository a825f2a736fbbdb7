"""Frameworks that the organisation is held to, and what people answered, signed and ruled on their controls."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.models.catalog import ModelVersion
from governance.models.evidence import Evidence, StoredFile
from governance.models.people import Project, Role, User


class FrameworkEditionQuerySet(models.QuerySet["FrameworkEdition"]):
    def in_force(self) -> FrameworkEditionQuerySet:
        """The newest text of every edition that nobody has withdrawn."""
        later = FrameworkEdition.objects.filter(key=models.OuterRef("key"), number__gt=models.OuterRef("number"))
        return self.filter(~models.Exists(later), withdrawn_at=None)

    def visible_to(self, user: User) -> FrameworkEditionQuerySet:
        """Everybody in the organisation reads what everybody is held to."""
        return self if user.is_active else self.none()


class FrameworkEdition(models.Model):
    """One text of one edition, read by ``governance.frameworks``. A corrected text has the same ``key`` and the next
    ``number``; a new edition has a key of its own and lives beside the old one."""

    key = models.CharField(max_length=80)
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=300)
    edition = models.CharField(max_length=300)
    digest = models.CharField(max_length=71)
    text = models.TextField()
    is_shipped = models.BooleanField(default=False, help_text=_("Came with the product; others are the house's own."))
    loaded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    loaded_at = models.DateTimeField()
    withdrawn_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    log_index = models.PositiveBigIntegerField(null=True, blank=True)

    objects = FrameworkEditionQuerySet.as_manager()

    class Meta:
        ordering = ("title", "-number")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["key", "number"], name="framework_number_unique"),
        ]

    def __str__(self) -> str:
        return self.title


class AnswerQuerySet(models.QuerySet["Answer"]):
    def visible_to(self, user: User) -> AnswerQuerySet:
        of_projects = models.Q(version__model__project__in=Project.objects.visible_to(user))
        return self.filter(of_projects | models.Q(version=None))

    def newest(self) -> AnswerQuerySet:
        """The last answer to each question: what counts."""
        later = Answer.objects.filter(fact=models.OuterRef("fact"), pk__gt=models.OuterRef("pk"))
        said_again = models.Exists(later.filter(version=models.OuterRef("version")))
        said_again_for_all = models.Exists(later.filter(version=None))
        return self.filter(
            (models.Q(version__isnull=False) & ~said_again) | (models.Q(version=None) & ~said_again_for_all)
        )


class Answer(models.Model):
    """What somebody recorded of one fact. ``version`` None: it speaks for the organisation. Rows are only added; the
    newest counts, and one whose value is null takes the former back.

    ``evidence`` is an item of the same version that shows it, ``file`` a document of the organisation; ``carried_from``
    the answer of a former version that somebody has confirmed for this one.
    """

    version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, blank=True, related_name="answers")
    fact = models.CharField(max_length=80)
    value = models.JSONField(null=True)
    digest = models.CharField(max_length=71)
    evidence = models.ForeignKey(Evidence, models.PROTECT, null=True, blank=True, related_name="answers")
    file = models.ForeignKey(StoredFile, models.PROTECT, null=True, blank=True, related_name="answers")
    file_name = models.CharField(max_length=200, blank=True)
    carried_from = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    answered_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    answered_at = models.DateTimeField()
    log_index = models.PositiveBigIntegerField(null=True, blank=True)

    objects = AnswerQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["version", "fact"])]

    def __str__(self) -> str:
        return self.fact

    @property
    def artefact_digest(self) -> str:
        """The digest of what is attached; empty where nothing is."""
        return self.file_id or (self.evidence.digest if self.evidence is not None else "")


class FactSignature(models.Model):
    """A signature over what is recorded of a fact, such as a test report or a declaration. ``digest`` is that of the
    record as it was; a later change makes the signature count no more. Append-only."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="fact_signatures")
    fact = models.CharField(max_length=80)
    digest = models.CharField(max_length=71)
    meaning = models.CharField(max_length=300)
    role = models.CharField(max_length=20, choices=Role.choices)
    signer = models.ForeignKey(User, models.PROTECT, related_name="+")
    signer_name = models.CharField(max_length=200)
    signed_at = models.DateTimeField()
    log_index = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.fact}: {self.signer_name}"


class ControlRulingKind(models.TextChoices):
    NOT_APPLICABLE = "not_applicable", _("Does not apply")
    WAIVED = "waived", _("Gap accepted")
    LIFTED = "lifted", _("Former ruling lifted")


class ControlRuling(models.Model):
    """What somebody signed about one control for one version. The newest counts. Append-only."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="control_rulings")
    framework = models.CharField(max_length=80)
    control = models.CharField(max_length=80)
    kind = models.CharField(max_length=20, choices=ControlRulingKind.choices)
    reason = models.TextField()
    expires_at = models.DateTimeField(null=True, blank=True)
    role = models.CharField(max_length=20, choices=Role.choices)
    ruled_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    ruler_name = models.CharField(max_length=200)
    ruled_at = models.DateTimeField()
    log_index = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(kind__in=ControlRulingKind.values), name="control_ruling_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="waived", expires_at__isnull=False)
                | (~models.Q(kind="waived") & models.Q(expires_at=None)),
                name="only_accepted_gaps_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.control}: {self.get_kind_display()}"
