"""The front desk as a Django app: it owns no tables, only settings, checks and commands."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        """Make our Celery application the current one and register the system checks."""
        import_module("portal.celery")
        import_module("portal.checks")
