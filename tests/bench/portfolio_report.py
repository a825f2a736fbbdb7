"""A portfolio report on many models: seconds, queries, pages and the peak memory of this process and its children.

    python -m tests.bench.portfolio_report [--models 1000]

It makes its own database in a temporary folder, fills one project and prints the report as a worker would, signature
left out. Exits 1 past 60 seconds for a thousand models.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from datetime import timedelta
from typing import Any

LIMIT_SECONDS = 60.0


def main() -> int:
    """Fill, print, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1_000)
    count = parser.parse_args().models
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COUNTERSIGN_DATA"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        return measure(count)


def measure(count: int) -> int:
    """Print the figures; 1 when it takes too long."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from governance.models import ComplianceReport, ReportKind
    from governance.reports import kinds

    report = ComplianceReport(project=fill(count), kind="portfolio")
    started = time.monotonic()
    with CaptureQueriesContext(connection) as asked:
        reading = kinds.KINDS[ReportKind.PORTFOLIO].read(report)
    read = time.monotonic() - started
    made = kinds.make(kinds.Material(report, reading, None), tell=lambda _text: None)
    seconds = time.monotonic() - started
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, child = (peak / 1024 for peak in peaks)
    print(f"{count} models: {seconds:.1f} s ({read:.2f} s and {len(asked)} queries to read them)")
    print(
        f"{made.page_count} pages, {len(made.pdf) / 1e6:.2f} MB; at most {own:.0f} MB here, {child:.0f} MB in the child"
    )
    return int(seconds > LIMIT_SECONDS * max(1, count / 1_000))


def fill(count: int) -> Any:
    """A project with ``count`` models of three versions: every second in use, every tenth overdue or with a finding."""
    from django.utils import timezone

    from governance import models as m

    now = timezone.now()
    user = m.User.objects.create(username="bench", full_name="Bench Marker")
    project = m.Project.objects.create(name="Bench", slug="bench")
    tiers = [tier.value for tier in m.RiskTier]
    m.RegisteredModel.objects.bulk_create(
        m.RegisteredModel(project=project, name=f"Model number {n}", owner=user, risk_tier=tiers[n % 3])
        for n in range(count)
    )
    models = list(m.RegisteredModel.objects.order_by("pk"))
    m.ModelVersion.objects.bulk_create(
        m.ModelVersion(model=model, number=number, state="RELEASED" if number == 2 else "DRAFT", created_by=user)
        for model in models
        for number in (1, 2, 3)
    )
    for n, version in enumerate(m.ModelVersion.objects.filter(number=2, model_id__in=[x.pk for x in models[::2]])):
        text = m.DossierSnapshot.objects.create(digest=f"sha256:{n:064x}", version=version, document="{}")
        end = now + timedelta(days=-3 if n % 10 == 0 else 5 + n % 200)
        release = m.Release.objects.create(
            model_id=version.model_id,
            version=version,
            environment="production",
            dossier=text,
            promoted_by=user,
            started_at=now - timedelta(days=90),
            expires_at=end,
            statement="{}",
        )
        if n % 10 == 1:
            m.FollowUp.objects.create(
                version=version, release=release, kind="expired", text="What allowed it ran out.", opened_at=now
            )
    return project


if __name__ == "__main__":
    sys.exit(main())
