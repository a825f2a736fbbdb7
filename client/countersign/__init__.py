"""The Countersign client: submit evidence, ask for audits, see what is missing, verify reports.

>>> from countersign import Client
>>> portal = Client("https://portal.example.org", token="csn_...")  # doctest: +SKIP
"""

from __future__ import annotations

from countersign.catalog import describe_artifact
from countersign.client import Client, Session
from countersign.errors import CountersignError
from countersign.files import digest_bytes, digest_file

__all__ = ["Client", "CountersignError", "Session", "describe_artifact", "digest_bytes", "digest_file"]
__version__ = "0.1.0"
