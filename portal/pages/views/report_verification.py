"""The page that a printed report leads to: drop the file, see whether it was issued here and still stands.

Anybody may ask, and is told one word. Nothing that is dropped is kept or opened: only its SHA-256 is computed.
"""

from __future__ import annotations

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from governance.models import ComplianceReport
from governance.report_standing import digest_blocks, find_report, judge_standing
from portal.actors import actor_of
from portal.pages.perform import no_store

LARGEST_FILE = 100 * 1024 * 1024
TONES = {"valid": "good", "superseded": "warn", "withdrawn": "bad", "unknown": "info"}
SAID = {
    "valid": _("This file was issued here, byte by byte, and it still stands."),
    "superseded": _("This file was issued here, but a later one shows something else. Ask for that."),
    "withdrawn": _("This file was issued here, but what it is about was withdrawn since."),
    "unknown": _("No report with exactly this content was issued here. It was changed, or comes from elsewhere."),
}


class VerificationForm(forms.Form):
    file = forms.FileField(label=_("Report"), allow_empty_file=True, help_text=_("The PDF as you were given it."))

    def clean_file(self) -> object:
        """Refuse what no report is as large as."""
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(_("No report is as large as this file."))
        return file


@login_not_required
@require_http_methods(["GET", "POST"])
@no_store
def verify_report(request: HttpRequest) -> HttpResponse:
    """The form, or one word about the file that was dropped; members are led to the report they may see."""
    form = VerificationForm(request.POST, request.FILES) if request.method == "POST" else VerificationForm()
    context: dict[str, object] = {"form": form, "limit": LARGEST_FILE}
    if request.method == "POST" and form.is_valid():
        digest = digest_blocks(form.cleaned_data["file"].chunks())
        report = find_report(digest)
        standing = judge_standing(report)
        context |= {"standing": standing, "tone": TONES[standing], "said": SAID[standing], "digest": digest}
        context["report"] = _visible(request, report)
    return render(request, "reports/verify.html", context, status=400 if form.errors else 200)


def _visible(request: HttpRequest, report: ComplianceReport | None) -> ComplianceReport | None:
    """The report, for those who may see it: a visitor learns nothing but the word."""
    if report is None or not request.user.is_authenticated:
        return None
    return ComplianceReport.objects.visible_to(actor_of(request).user).filter(pk=report.pk).first()
