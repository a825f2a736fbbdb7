from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate, pre_save
from django.utils.translation import gettext_lazy as _


class GovernanceConfig(AppConfig):
    name = "governance"
    verbose_name = _("Record office")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep the record append-only: against migrations that lose triggers, and against fixtures."""
        from governance import append_only

        post_migrate.connect(append_only.put_back, sender=self)
        pre_save.connect(append_only.refuse_fixture)
        register(append_only.check_guards, Tags.database)
