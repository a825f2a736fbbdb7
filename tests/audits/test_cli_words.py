"""What the command line says: of wrong arguments, of whatever goes wrong, and of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from audits.cli import main
from tests.audits.test_cli import refuse, write_spec


@pytest.mark.parametrize("arguments", [[], ["bias"], ["frobnicate", "x"], ["bias", "a\nb", "--unknown"]])
def test_wrong_arguments_are_refused_in_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert "--help explains" in refuse(capsys, *arguments)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("scipy.so: failed to map segment from shared object"),
        RuntimeError("two\nlines" * 500),
        KeyError("x"),
    ],
)
def test_whatever_happens_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    spec = write_spec(tmp_path)
    monkeypatch.setattr("audits.bias.audit.audit_table", fail)
    said = refuse(capsys, "bias", spec)
    assert ("out of memory" in said) == isinstance(error, (MemoryError, ImportError))
    assert len(said) < 800
    if not isinstance(error, MemoryError):
        with pytest.raises(type(error)):
            main(["bias", str(spec), "--debug"])


def test_help_says_where_files_are_looked_for_and_what_the_exit_codes_mean(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["bias", "--help"]):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 0
        said = capsys.readouterr().out
        assert "relative to the folder of SPEC" in said
        assert "1 a criterion is not met or inconclusive" in said
