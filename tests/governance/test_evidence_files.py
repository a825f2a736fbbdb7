"""What a file of evidence may begin with: only what its kind can be read from is taken in."""

from __future__ import annotations

import gzip
import io

import pytest

from governance.evidence_files import check_readable
from governance.exceptions import InvalidInput
from governance.models import Evidence, EvidenceKind, StoredFile
from tests import cast

TABLE = cast.make_predictions(4)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.mark.parametrize("kind", ["predictions", "attributions", "table"])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TABLE, id="csv"),
        pytest.param(b"\xef\xbb\xbf" + TABLE, id="csv with a mark"),
        pytest.param(gzip.compress(TABLE, mtime=0), id="gzip"),
        pytest.param(b"PAR1...", id="parquet"),
        pytest.param(b"ARROW1..", id="arrow file"),
        pytest.param(b"\xff\xff\xff\xff..", id="arrow stream"),
        pytest.param(b"na\xefve,1\n", id="latin 1, of which the laboratory says the row"),
    ],
)
def test_tables_are_taken_in(kind, content) -> None:
    check_readable(kind, io.BytesIO(content))


@pytest.mark.parametrize("kind", ["predictions", "attributions", "table"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (PNG, "This is a PNG picture."),
        (b"\xff\xd8\xff\xe0", "This is a JPEG picture."),
        (b"%PDF-1.7", "This is a PDF document."),
        (b"PK\x03\x04", "a zip archive or a spreadsheet"),
        (b"\x80\x05K\x01.", "a pickle, which is never opened"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16 text"),
        (b"\x7fELF\x02\x01", "something else"),
        (b"a,b\n1,\x00\n", "something else"),
    ],
)
def test_what_is_no_table_is_refused_by_name(kind, content, words) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        check_readable(kind, io.BytesIO(content))
    assert caught.value.field == "file"


@pytest.mark.parametrize("kind", ["cells", "model_document"])
def test_documents_are_json(kind) -> None:
    for content in (b"{}", b" \n[1]", b"\xef\xbb\xbf{"):
        check_readable(kind, io.BytesIO(content))
    for content in (PNG, TABLE, b"format: x"):
        with pytest.raises(InvalidInput, match="must be a JSON document"):
            check_readable(kind, io.BytesIO(content))


def test_other_kinds_may_be_anything() -> None:
    for kind in (EvidenceKind.DOCUMENT, EvidenceKind.FILE, EvidenceKind.VALIDATION_REPORT, EvidenceKind.ONNX_MODEL):
        check_readable(kind, io.BytesIO(PNG))


def test_refused_file_leaves_no_bytes(version, developer) -> None:
    with pytest.raises(InvalidInput, match="PNG"):
        cast.submit(version, "predictions", by=developer, file=[PNG], file_name="photo.png")
    assert not Evidence.objects.filter(kind="predictions").exists()
    assert not StoredFile.objects.exists()
