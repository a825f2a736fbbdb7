"""Datasets and their frozen versions."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from governance.actions import lineage
from governance.models import Dataset, DatasetUse, DatasetVersion, Derivation, Project
from governance.models.lineage import versions_using
from governance.permissions import available_verbs
from portal.actors import actor_of
from portal.pages.forms.base import bind_rows
from portal.pages.forms.datasets import (
    DatasetFilterForm,
    DatasetVersionForm,
    RegisterDatasetForm,
    SourceFormSet,
    projects_for_datasets,
)
from portal.pages.forms.models import ReasonForm
from portal.pages.guard import require
from portal.pages.keyset import read_page
from portal.pages.perform import perform, posted


@require_http_methods(["GET", "POST"])
def recall_dataset_version(request: HttpRequest, pk: int) -> HttpResponse:
    """Say that data must not be relied on any more, wherever it is used."""
    actor = actor_of(request)
    visible = DatasetVersion.objects.visible_to(actor.user).select_related("dataset__project")
    dataset_version = get_object_or_404(visible, pk=pk)
    require(actor, "recall_dataset_version", dataset_version.dataset.project)
    form = ReasonForm(posted(request))
    if request.method == "POST":
        recalled = perform(
            request,
            form,
            lambda: lineage.recall_dataset_version(dataset_version, **form.cleaned_data, actor=actor),
        )
        if recalled is not None:
            messages.success(request, _("%(data)s is recalled.") % {"data": dataset_version})
            return redirect("pages:dataset", dataset_version.dataset_id)
    context = {
        "dataset_version": dataset_version,
        "affected": versions_using(dataset_version).select_related("model").order_by("model__name", "number"),
        "form": form,
    }
    return render(request, "datasets/version_recall.html", context, status=form.status)


@require_safe
def list_datasets(request: HttpRequest) -> HttpResponse:
    user = actor_of(request).user
    newest = DatasetVersion.objects.filter(dataset=OuterRef("pk")).order_by("-number")
    datasets = Dataset.objects.visible_to(user).select_related("project")
    datasets = datasets.annotate(
        version_count=Count("versions"),
        newest_digest=Subquery(newest.values("digest")[:1]),
        newest_rows=Subquery(newest.values("row_count")[:1]),
        newest_recalled_at=Subquery(newest.values("recalled_at")[:1]),
    )
    form = DatasetFilterForm(request.GET, projects=Project.objects.visible_to(user))
    context = {
        "form": form,
        "page": read_page(request, form.narrow(datasets)),
        "may_register": projects_for_datasets(user).exists(),
    }
    return render(request, "datasets/datasets.html", context)


@require_safe
def show_dataset(request: HttpRequest, pk: int) -> HttpResponse:
    actor = actor_of(request)
    dataset = get_object_or_404(Dataset.objects.visible_to(actor.user).select_related("project"), pk=pk)
    context = {
        "dataset": dataset,
        "page": read_page(request, _with_lineage(dataset), size=20),
        "verbs": available_verbs(actor, dataset.project),
    }
    return render(request, "datasets/dataset.html", context)


def _with_lineage(dataset: Dataset) -> QuerySet[DatasetVersion]:
    """The versions with where each came from, what was made of it, and which model versions used it."""
    sources = Derivation.objects.select_related("source__dataset").order_by("pk")
    made = Derivation.objects.select_related("derived__dataset").order_by("pk")
    uses = DatasetUse.objects.select_related("version__model").order_by("-version__pk", "role")
    return dataset.versions.select_related("created_by", "recalled_by", "dataset").prefetch_related(
        Prefetch("derivations", sources), Prefetch("derived_versions", made), Prefetch("uses", uses)
    )


@require_http_methods(["GET", "POST"])
def register_dataset(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = RegisterDatasetForm(posted(request), user=actor.user)
    if request.method == "POST":
        dataset = perform(request, form, lambda: lineage.register_dataset(**form.cleaned_data, actor=actor))
        if dataset is not None:
            messages.success(request, _("The dataset is registered. Record its first version next."))
            return redirect("pages:dataset", dataset.pk)
    return render(request, "datasets/dataset_new.html", {"form": form}, status=form.status)


@require_http_methods(["GET", "POST"])
def register_dataset_version(request: HttpRequest, pk: int) -> HttpResponse:
    actor = actor_of(request)
    dataset = get_object_or_404(Dataset.objects.visible_to(actor.user).select_related("project"), pk=pk)
    form = DatasetVersionForm(posted(request))
    form.rows = bind_rows(SourceFormSet, posted(request), form_kwargs={"dataset": dataset})
    if request.method == "POST" and not form.wants_row:
        version = perform(
            request,
            form,
            lambda: lineage.register_dataset_version(
                dataset, **form.cleaned_data, derived_from=form.sources, actor=actor
            ),
        )
        if version is not None:
            messages.success(request, _("%(version)s is recorded.") % {"version": version})
            return redirect(f"{reverse('pages:dataset', args=[pk])}#version-{version.number}")
    return render(request, "datasets/version_new.html", {"dataset": dataset, "form": form}, status=form.status)
