"""A refused signature is itself recorded: who tried what, and why not. Nothing else of the attempt remains."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from django.db import transaction

from governance import auditlog
from governance.actors import Actor
from governance.amendment import about_model, about_version
from governance.auditlog import Subject
from governance.exceptions import GateClosed, GovernanceError, InvalidInput
from governance.models import ModelVersion, Project, PromotionPolicy

Given = ParamSpec("Given")
Made = TypeVar("Made")


def record_refusal(type: str) -> Callable[[Callable[Given, Made]], Callable[Given, Made]]:
    """Put around an action that signs something: its refusal leaves one entry of ``type`` about the version.

    The action's own transaction has been rolled back by then. Mistakes in a form (``InvalidInput``) are not recorded.
    The first argument of the action is a version, or has one as ``version``, or is a promotion policy.
    """

    def wrap(action: Callable[Given, Made]) -> Callable[Given, Made]:
        @functools.wraps(action)
        def act(*args: Given.args, **kwargs: Given.kwargs) -> Made:
            try:
                return action(*args, **kwargs)
            except InvalidInput:
                raise
            except GovernanceError as refusal:
                _record(type, args[0], kwargs["actor"], refusal)
                raise

        return act

    return wrap


@transaction.atomic
def _record(type: str, subject: Any, actor: Any, refusal: GovernanceError) -> None:
    if not isinstance(actor, Actor) or not actor.user.is_active:
        return
    about, project, related = _tell_subject(subject)
    data: dict[str, Any] = {"code": refusal.code}
    if isinstance(refusal, GateClosed):
        data["findings"] = [finding.key[:200] for finding in refusal.findings[:50]]
    auditlog.append(
        type,
        actor=actor,
        subject=about,
        project=project,
        related=related,
        data=data,
        reason=refusal.message[:1_000],
    )


def _tell_subject(thing: Any) -> tuple[Subject, Project, list[Subject]]:
    """What the entry is about, in which project, and what it names besides."""
    if isinstance(thing, PromotionPolicy):
        return Subject("policy", thing.pk, str(thing), thing.text_id), thing.project, []
    version = _version_of(thing)
    return about_version(version), version.model.project, [about_model(version.model)]


def _version_of(subject: Any) -> ModelVersion:
    if isinstance(subject, ModelVersion):
        return subject
    version = getattr(subject, "version", None)
    found: ModelVersion = version if version is not None else subject.sign_off.version
    return found
