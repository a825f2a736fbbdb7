"""B09: there is no admin site, so nothing can be changed there; a superuser meets the same pages as everybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core import serializers
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from governance.models import User
from tests.governance.log_history import History
from tests.portal.pages.browsing import browse

pytestmark = pytest.mark.django_db
MODELS = list(apps.get_app_config("governance").get_models())


@pytest.fixture
def superuser(history: History) -> Client:
    User.objects.filter(pk=history.root.pk).update(is_superuser=True, is_staff=True)
    return browse(history.root)


def all_rows() -> str:
    return str(serializers.serialize("json", [row for model in MODELS for row in model._base_manager.order_by("pk")]))


def patterns(resolver: Any) -> Iterator[URLPattern | URLResolver]:
    for item in resolver.url_patterns:
        yield item
        if isinstance(item, URLResolver):
            yield from patterns(item)


def test_b09_no_address_leads_to_an_admin_site() -> None:
    assert "django.contrib.admin" not in settings.INSTALLED_APPS
    found = list(patterns(get_resolver()))
    assert len(found) > 50
    for item in found:
        assert getattr(item, "app_name", None) != "admin"
        module = getattr(getattr(item, "callback", None), "__module__", "")
        assert not module.startswith("django.contrib.admin")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.model_name)
def test_b09_superuser_changes_and_deletes_nothing_there(superuser: Client, model: Any) -> None:
    row = model._base_manager.order_by("pk").first()
    key = 1 if row is None else row.pk
    before = all_rows()
    table = f"/admin/{model._meta.app_label}/{model._meta.model_name}"
    addresses = ("/admin/", f"{table}/", f"{table}/add/", f"{table}/{key}/change/", f"{table}/{key}/delete/")
    for address in addresses:
        posted = superuser.post(address, {"post": "yes", "action": "delete_selected", "_selected_action": key})
        assert (superuser.get(address).status_code, posted.status_code) == (404, 404), address
    assert all_rows() == before


def test_b09_superuser_has_no_right_by_being_one(history: History) -> None:
    """The flag is Django's; ours come from roles that somebody was seen to grant."""
    auditor = history.people["auditor"]
    User.objects.filter(pk=auditor.pk).update(is_superuser=True, is_staff=True)
    posted = browse(auditor).post(f"/versions/{history.open_version.pk}/sign-off/", {"decision": "approve"})
    assert posted.status_code in (403, 404)
    assert not history.open_version.sign_offs.filter(signer=auditor).exists()
