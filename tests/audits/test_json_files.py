from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audits.errors import BadInput
from audits.json_files import read_json, write_json, write_text


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"a": 1, "b": [1, {"c": [2.5, None]}], "d": {}, "e": [], "f": {"g": "ü\n"}, "h": [[]]},
        [1, 2],
        "text",
    ],
)
def test_what_is_written_is_read_again(tmp_path: Path, document: Any) -> None:
    write_json(tmp_path / "x.json", document)
    assert read_json(tmp_path / "x.json") == document
    assert json.loads(write_text(document, ensure_ascii=True)) == document
    assert write_text(document, ensure_ascii=True).isascii()


def test_lists_have_one_entry_per_line() -> None:
    assert write_text({"n": 1, "rows": [[1], [2]]}) == '{\n "n": 1,\n "rows": [\n  [1],\n  [2]\n ]\n}\n'


def test_nothing_that_is_not_json_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("old")
    for value in (float("nan"), float("inf"), {1, 2}):
        with pytest.raises((ValueError, TypeError)):
            write_json(path, {"a": value})
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["x.json"]


def test_a_lone_surrogate_does_not_stop_a_result(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": "\ud800"})
    assert read_json(tmp_path / "x.json") == {"a": "?"}


def test_a_repeated_key_is_found_however_deep(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": [1, {"b": {"c": 1}}],\n "d": [\n  {"e": 1, "f": {"e": 2}, "e": 3}]}')
    with pytest.raises(BadInput, match="the key 'e' stands twice in the object that begins on line 3"):
        read_json(path)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(path) == {"a": 1}
