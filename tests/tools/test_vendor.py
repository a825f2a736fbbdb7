"""What the browser gets from the front-end packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import vendor

STATIC = Path(vendor.__file__).resolve().parents[1] / "static"


def test_every_file_is_there_without_a_reference_to_a_source_map() -> None:
    assert [name for name in vendor.FILES.values() if not (STATIC / "vendor" / name).exists()] == []
    texts = [*(STATIC / "vendor").rglob("*.js"), *(STATIC / "vendor").rglob("*.css")]
    assert len(texts) == 6
    assert [path.name for path in texts if b"sourceMappingURL" in path.read_bytes()] == []


def test_every_named_icon_is_there_and_no_other() -> None:
    icons = {path.stem for path in (STATIC / "vendor" / "tabler-icons").glob("*.svg")}
    assert icons == set(vendor.read_icon_names())


def test_icon_that_tabler_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="static/icons.txt names 'no-such-icon'"):
        vendor.copy_icons(["no-such-icon"], tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a();\n//# sourceMappingURL=a.js.map", b"a();\n"),
        (b"a{}\n/*# sourceMappingURL=a.css.map */\n", b"a{}\n"),
        (b'var text = "no //# sourceMappingURL here";', b'var text = "no //# sourceMappingURL here";'),
    ],
)
def test_only_the_reference_itself_is_taken_out(content: bytes, expected: bytes) -> None:
    assert vendor.SOURCE_MAP.sub(b"", content) == expected
