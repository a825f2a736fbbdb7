"""Which form asks for which kind of evaluation."""

from __future__ import annotations

from portal.pages.forms.bias_audits import BiasAuditForm
from portal.pages.forms.data_quality import DataQualityForm
from portal.pages.forms.evaluations import EvaluationForm
from portal.pages.forms.explanations import ExplanationForm
from portal.pages.forms.reproductions import ReproductionForm

FORMS: dict[str, type[EvaluationForm]] = {
    form.kind: form for form in (BiasAuditForm, ExplanationForm, DataQualityForm, ReproductionForm)
}
