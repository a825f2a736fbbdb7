"""The signer signs reports: what a worker rendered, once a checkpoint covers the entry that says so.

So no signature exists over a report that the log does not know. The signer sees digests only; it checks them against
the entry as it was signed, and not against what the database says beside it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from governance.log_entries import BrokenEntry
from governance.models import ReportSignature
from governance.report_certificate import ReportKey
from governance.signer_files import SignerError

logger = logging.getLogger(__name__)

RENDERED = "report.rendered"
PATIENCE = timedelta(hours=1)
"""A worker that asked longer ago has given up."""


class ReportSealer:
    """Signs what waits. The certificate is read when something does, and again when it was changed."""

    def __init__(self) -> None:
        self.key: ReportKey | None = None
        self.trouble = ""

    def prepare(self) -> None:
        """Have a certificate, so that workers can say whose signature they wait for. Trouble with it stops no log."""
        try:
            self.key = ReportKey.load()
            self.trouble = ""
        except SignerError as error:
            if self.trouble != str(error):
                logger.error("No report is signed: %s", error)
            self.key, self.trouble = None, str(error)

    def seal(self, size: int, read_signed: Callable[[int, str], dict[str, Any]]) -> None:
        """Sign every report whose entry is among the first ``size``. Raises ``BrokenEntry`` for a changed one.

        ``read_signed`` returns an entry's body as it was signed.
        """
        waiting = ReportSignature.objects.filter(signature="", log_index__lt=size, asked_at__gt=Now() - PATIENCE)
        for asked in waiting.order_by("pk"):
            self.prepare()
            if self.key is None:
                return
            self._check(asked, read_signed(asked.log_index or 0, f"the rendering {asked.pk}"))
            signature = self.key.sign(bytes.fromhex(asked.covered_digest.removeprefix("sha256:")))
            ReportSignature.objects.filter(pk=asked.pk, signature="").update(signature=signature.hex())

    def _check(self, asked: ReportSignature, body: dict[str, Any]) -> None:
        said = (body["type"], body["subject"]["id"], body["subject"].get("digest"))
        if said != (RENDERED, asked.report_id, asked.covered_digest):
            raise BrokenEntry(asked.log_index, f"the rendering {asked.pk} is another than its entry recorded")
