"""What must hold: requirements with acceptance criteria, and the proof of concept that came before."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.models.catalog import RegisteredModel, RiskTier
from governance.models.lineage import DatasetRole
from governance.models.people import Project, User


class Comparator(models.TextChoices):
    AT_LEAST = "at_least", _("at least")
    AT_MOST = "at_most", _("at most")


class Severity(models.TextChoices):
    MUST = "must", _("must")
    SHOULD = "should", _("should")


class RequirementTemplate(models.Model):
    """A project's requirements for a tier, as YAML text. Checked by ``governance.templates`` when it is written."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="requirement_templates")
    risk_tier = models.CharField(max_length=10, choices=RiskTier.choices)
    text = models.TextField()
    revision = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["project", "risk_tier"], name="one_template_per_tier"),
        ]

    def __str__(self) -> str:
        return f"{self.project}: {self.risk_tier}"


class RequirementQuerySet(models.QuerySet["Requirement"]):
    def visible_to(self, user: User) -> RequirementQuerySet:
        return self.filter(model__project__in=Project.objects.visible_to(user))


class Requirement(models.Model):
    """Something every version of a model must satisfy. ``key`` is short and unique in the model, such as ``R-3``."""

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="requirements")
    key = models.CharField(max_length=20)
    title = models.CharField(max_length=200)
    statement = models.TextField()
    source = models.CharField(max_length=200, blank=True, help_text=_("Where the demand comes from."))
    from_template = models.BooleanField(default=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    revision = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RequirementQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["model", "key"], name="requirement_key_unique_in_model"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.title}"


class AcceptanceCriterion(models.Model):
    """A measurable condition: ``metric`` of ``population`` on the ``dataset_role`` data, compared with ``threshold``.

    ``population`` is "overall", one group ("sex=female") or the groups of a feature ("by sex"), in the words of the
    laboratory's measures.
    """

    requirement = models.ForeignKey(Requirement, models.PROTECT, related_name="criteria")
    position = models.PositiveSmallIntegerField()
    metric = models.CharField(max_length=100)
    comparator = models.CharField(max_length=10, choices=Comparator.choices)
    threshold = models.DecimalField(max_digits=24, decimal_places=9)
    population = models.CharField(max_length=200, default="overall")
    dataset_role = models.CharField(max_length=20, choices=DatasetRole.choices, default=DatasetRole.TEST)
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.MUST)

    class Meta:
        ordering = ("requirement", "position")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["requirement", "position"], name="criterion_position_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.metric} ({self.population}) {self.comparator} {self.threshold.normalize():f}"


class PocDecision(models.TextChoices):
    GO = "go", _("Go")
    NO_GO = "no_go", _("No go")


class ProofOfConcept(models.Model):
    """What was to be shown before a production model is worth building, and what was decided on it."""

    model = models.OneToOneField(RegisteredModel, models.PROTECT, related_name="proof_of_concept")
    problem_statement = models.TextField()
    risks = models.TextField(blank=True)
    open_questions = models.TextField(blank=True)
    written_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    written_at = models.DateTimeField(auto_now_add=True)
    revision = models.PositiveIntegerField(default=1)
    decision = models.CharField(max_length=10, choices=PocDecision.choices, blank=True)
    decision_reason = models.TextField(blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Proof of concept of {self.model}"


class SuccessCriterion(models.Model):
    """One success criterion of a proof of concept, with the evaluation that judged it."""

    proof_of_concept = models.ForeignKey(ProofOfConcept, models.PROTECT, related_name="success_criteria")
    position = models.PositiveSmallIntegerField()
    statement = models.CharField(max_length=300)
    metric = models.CharField(max_length=100)
    comparator = models.CharField(max_length=10, choices=Comparator.choices)
    threshold = models.DecimalField(max_digits=24, decimal_places=9)
    population = models.CharField(max_length=200, default="overall")
    evaluation = models.ForeignKey("Evaluation", models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("position",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["proof_of_concept", "position"], name="success_criterion_position_unique"),
        ]

    def __str__(self) -> str:
        return self.statement
