"""Stored files as downloads: always an attachment, never shown by the browser on our own origin."""

from __future__ import annotations

from django.http import FileResponse

from governance import store
from governance.exceptions import IntegrityBroken
from governance.models import StoredFile


def send_file(stored: StoredFile, name: str, media_type: str) -> FileResponse:
    """Stream a stored file. What an uploader called HTML is not run: attachment, no sniffing, sandboxed."""
    try:
        file = store.path_of(stored.digest).open("rb")
    except FileNotFoundError:
        raise IntegrityBroken(f"The stored file {stored.digest} is missing from the evidence store.") from None
    answer = FileResponse(file, as_attachment=True, filename=name, content_type=media_type)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer["ETag"] = f'"{stored.digest}"'
    answer["X-Content-Digest"] = stored.digest
    return answer
