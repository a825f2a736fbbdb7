"""Triggers that refuse to change or delete what was recorded: log, sign-offs, releases, dossiers, people."""

from django.db import migrations

from governance import append_only


class Migration(migrations.Migration):
    dependencies = [("governance", "0005_sign_off_and_policy")]
    operations = [migrations.RunPython(append_only.raise_guards, append_only.lift)]
