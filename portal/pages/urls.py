"""The pages' addresses. Every page asks for a signed-in person; the few open ones say so at their view."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.pages.views import (
    account,
    datasets,
    evaluations,
    evidence,
    exports,
    home,
    log,
    models,
    people,
    projects,
    reports,
    requirements,
    session,
    signoff,
    tokens,
    versions,
)

app_name = "pages"

# --- Signing in, home, datasets, reports, log, tokens, projects, people -------------------------------------
FRONT: list[URLPattern] = [
    path("", home.show_home, name="home"),
    path("sign-in/", session.sign_in, name="sign-in"),
    path("sign-out/", session.sign_out, name="sign-out"),
    path("account/", account.show_account, name="account"),
    path("datasets/", datasets.list_datasets, name="datasets"),
    path("datasets/new/", datasets.register_dataset, name="dataset-new"),
    path("datasets/<int:pk>/", datasets.show_dataset, name="dataset"),
    path("datasets/<int:pk>/versions/new/", datasets.register_dataset_version, name="dataset-version-new"),
    path("reports/", reports.list_reports, name="reports"),
    path("reports/<int:pk>/", reports.show_report, name="report"),
    path("reports/<int:pk>/file", reports.download_report, name="report-file"),
    path("reports/<int:pk>/receipt", reports.download_receipt, name="report-receipt"),
    path("versions/<int:version_pk>/reports/new/", reports.request_report, name="report-new"),
    path("log/", log.list_entries, name="log"),
    path("log/checkpoints/", log.list_checkpoints, name="log-checkpoints"),
    path("log/verify/", log.verify_newest, name="log-verify"),
    path("log/export/", exports.show_exports, name="log-exports"),
    path("log/export/whole.tar", exports.download_log, name="log-export-whole"),
    path("log/export/projects/<int:pk>.tar", exports.download_log, name="log-export-project"),
    path("verifier.py", exports.download_verifier, name="verifier"),
    path("log/checkpoint", log.show_checkpoint, name="log-checkpoint"),
    path("log/checkpoints/<int:size>", log.show_checkpoint, name="log-checkpoint-note"),
    path("log/<int:index>/", log.show_entry, name="log-entry"),
    path("log/<int:index>/receipt", log.download_receipt, name="log-receipt"),
    path("log/<int:index>/body", log.download_body, name="log-body"),
    path("tokens/", tokens.list_tokens, name="tokens"),
    path("tokens/new/", tokens.create_token, name="token-new"),
    path("tokens/<int:pk>/revoke/", tokens.revoke_token, name="token-revoke"),
    path("projects/", projects.list_projects, name="projects"),
    path("projects/new/", projects.create_project, name="project-new"),
    path("projects/<int:pk>/", projects.show_project, name="project"),
    path("projects/<int:pk>/templates/<slug:tier>/", projects.edit_template, name="template"),
    path("roles/<int:pk>/end/", projects.end_role, name="role-end"),
    path("people/", people.list_people, name="people"),
    path("people/new/", people.create_user, name="person-new"),
    path("people/<int:pk>/close/", people.close_user, name="person-close"),
]

# --- Models, versions, sign-off, evidence, evaluations ------------------------------------------------------
MODELS: list[URLPattern] = [
    path("models/", models.show_list, name="models"),
    path("models/new/", models.register, name="model-new"),
    path("models/<int:pk>/", models.show, name="model"),
    path("models/<int:pk>/describe/", models.describe, name="model-describe"),
    path("models/<int:pk>/tier/", models.set_tier, name="model-tier"),
    path("models/<int:pk>/requirements/new/", requirements.write, name="requirement-new"),
    path("models/<int:pk>/requirements/generate/", requirements.generate, name="requirements-generate"),
    path("requirements/<int:pk>/edit/", requirements.edit, name="requirement-edit"),
    path("requirements/<int:pk>/withdraw/", requirements.withdraw, name="requirement-withdraw"),
    path("models/<int:pk>/proof-of-concept/write/", requirements.write_proof_of_concept, name="proof-write"),
    path("models/<int:pk>/proof-of-concept/decide/", requirements.decide_proof_of_concept, name="proof-decide"),
    path("models/<int:pk>/versions/new/", versions.register, name="version-new"),
    path("versions/<int:pk>/", versions.show, name="version"),
    path("versions/<int:pk>/datasets/new/", versions.declare_use, name="dataset-use-new"),
    path("versions/<int:pk>/submit/", signoff.submit, name="submit"),
    path("versions/<int:pk>/sign/", signoff.sign, name="sign"),
    path("versions/<int:pk>/waive/", signoff.waive, name="waive"),
    path("versions/<int:pk>/promote/", signoff.promote, name="promote"),
    path("versions/<int:pk>/retire/", signoff.retire, name="retire"),
    path("versions/<int:pk>/evidence/new/", evidence.submit, name="evidence-new"),
    path("evidence/<int:pk>/", evidence.show, name="evidence"),
    path("evidence/<int:pk>/file", evidence.download, name="evidence-file"),
    path("versions/<int:pk>/evaluations/new/", evaluations.ask, name="evaluation-new"),
    path("evaluations/<int:pk>/", evaluations.show, name="evaluation"),
    path("evaluations/<int:pk>/cancel/", evaluations.cancel, name="evaluation-cancel"),
    path("evaluations/<int:pk>/progress/", evaluations.watch, name="evaluation-progress"),
]

urlpatterns = [*FRONT, *MODELS]
