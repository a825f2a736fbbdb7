"""What a request body may be: strict JSON, or multipart with one file."""

from __future__ import annotations

from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import QueryDict
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType, ValidationError
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser

from governance.canonical import CanonicalError, parse_strict
from governance.exceptions import TooLarge

LARGEST_JSON = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
# What the other fields and the boundaries of a multipart body may add to the file.
LARGEST_ENVELOPE = 1 << 20
# Fields of a form that are written as JSON; the others are text.
JSON_FIELDS = ("content", "requirements", "supersedes")


class LengthRequired(APIException):
    """A body in chunks of unannounced length: the server would read nothing of it."""

    status_code = 411
    default_detail = "Send a Content-Length: bodies of unannounced length are not read."
    default_code = "length_required"


class StrictJSONParser(BaseParser):
    """JSON that can be read in one way only (governance.canonical.parse_strict)."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        check_charset(parser_context["request"])
        announced = int(parser_context["request"].META.get("CONTENT_LENGTH") or 0)
        if announced > LARGEST_JSON:
            raise TooLarge(f"A JSON body may have at most {LARGEST_JSON:,} bytes.")
        return read_json(stream.read(announced))


class UploadParser(MultiPartParser):
    """One file beside text fields. The file is streamed to disk and its size is limited while it arrives."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> DataAndFiles[Any, Any]:
        request = parser_context["request"]
        check_charset(request)
        check_announced_length(int(request.META.get("CONTENT_LENGTH") or 0))
        return super().parse(stream, media_type, parser_context)


class LimitedUploadHandler(TemporaryFileUploadHandler):
    """Django's upload to a temporary file, ended as soon as the files together are over the limit."""

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.received = 0

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: str | None = None
    ) -> None:
        """Refuse by the announced length before a byte of the body is read."""
        check_announced_length(content_length)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.received += len(raw_data)
        if self.received > settings.COUNTERSIGN_UPLOAD_LIMIT:
            self.file.close()  # which deletes it
            raise _too_large()
        super().receive_data_chunk(raw_data, start)


def check_announced_length(length: int) -> None:
    if length > settings.COUNTERSIGN_UPLOAD_LIMIT + LARGEST_ENVELOPE:
        raise _too_large()


def check_charset(request: Any) -> None:
    """Refuse another character set than UTF-8: `utf-7` would smuggle characters past every check."""
    named = (request._request.content_params or {}).get("charset", "utf-8")
    if named.lower().replace("_", "-") not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(request.content_type, detail="Send the body in UTF-8.")


def read_json(data: bytes) -> Any:
    """Parse strict JSON or raise a 400 that says where it is wrong."""
    try:
        return parse_strict(data, max_bytes=LARGEST_JSON)
    except CanonicalError as error:
        raise ParseError(f"The body cannot be read: {error}.") from None


def _too_large() -> TooLarge:
    return TooLarge(f"The file is larger than the limit of {settings.COUNTERSIGN_UPLOAD_LIMIT:,} bytes.", field="file")


def read_upload(request: Any) -> tuple[Any, UploadedFile[Any] | None]:
    """Return a body's fields as JSON values and its file, if it is multipart and has one.

    The fields come as one JSON object in ``metadata``, or one by one: then those in JSON_FIELDS are written as JSON
    and the others are text.
    """
    data = request.data
    if not isinstance(data, QueryDict):
        return data, None
    refuse_doubtful(data)
    files = request.FILES
    stray = sorted(set(files) - {"file"})
    if stray or len(files.getlist("file")) > 1:
        raise ValidationError({stray[0][:80] if stray else "file": "Send one file, in the field “file”."})
    fields = {name: str(data[name]) for name in data if name not in files}
    if "metadata" not in fields:
        return {name: _read_field(name, value) for name, value in fields.items()}, files.get("file")
    if len(fields) > 1:
        raise ValidationError({"metadata": "Send all fields in “metadata”, or all of them one by one."})
    return read_json(fields["metadata"].encode()), files.get("file")


def refuse_doubtful(data: QueryDict) -> None:
    """What could be read in two ways: a field given twice, bytes that are not UTF-8 (Django has replaced them)."""
    for name, values in data.lists():
        if len(values) > 1:
            raise ValidationError({name[:80]: "Is given twice."})
        if isinstance(values[0], str) and "\N{REPLACEMENT CHARACTER}" in values[0] + name:
            raise ValidationError({name[:80]: "Is not UTF-8."})


def _read_field(name: str, value: str) -> Any:
    return read_json(value.encode()) if name in JSON_FIELDS else value
