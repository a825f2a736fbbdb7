"""The steps before the first start, as far as they can be tried without installing anything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import prepare


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without anybody's pip settings, and a build folder of the test's own."""
    for name in ("INDEX_URL", "EXTRA_INDEX_URL", "FIND_LINKS", "CERT", "CONFIG_FILE"):
        monkeypatch.delenv(f"PIP_{name}", raising=False)
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(prepare, "BUILD", tmp_path / "build")
    return tmp_path


def test_pip_settings_of_the_user_reach_uv(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = own_home / ".config" / "pip"
    folder.mkdir(parents=True)
    (folder / "pip.conf").write_text(
        "[global]\nindex-url = https://mirror.example/simple\nextra-index-url =\n  https://a.example\n  https://b.example\n"
    )
    monkeypatch.setenv("PIP_FIND_LINKS", "/srv/wheels")
    found = prepare.read_pip_settings()
    assert found["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert found["UV_INDEX"] == "https://a.example https://b.example"
    assert found["UV_FIND_LINKS"] == "/srv/wheels"


def test_settings_made_for_uv_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example/simple")
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example/simple")
    assert "UV_DEFAULT_INDEX" not in prepare.read_pip_settings()


def test_failed_step_shows_the_end_of_its_output_and_the_remedy() -> None:
    code = "print('first'); [print(f'line {n}') for n in range(40)]; raise SystemExit(7)"
    with pytest.raises(prepare.StepFailed) as caught:
        prepare.run_logged("try", [sys.executable, "-c", code], remedy="read the manual")
    message = str(caught.value)
    assert "line 39" in message
    assert "first" not in message
    assert "What to do: read the manual" in message
    assert str(prepare.BUILD / "logs" / "try.log") in message


def test_missing_packages_without_root_are_told_as_one_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "dpkg-query").write_text("#!/bin/sh\necho 'graphviz installed'\n")
    (programs / "dpkg-query").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/bin")
    monkeypatch.setattr("shutil.which", lambda name: str(programs / name) if name == "dpkg-query" else None)
    with pytest.raises(prepare.StepFailed) as caught:
        prepare.install_debian_packages(["graphviz", "libpango-1.0-0"])
    assert str(caught.value).splitlines()[-1].strip() == (
        "sudo apt-get update && sudo apt-get install --yes --no-install-recommends libpango-1.0-0"
    )


def test_environment_from_another_place_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "VENV", tmp_path)
    monkeypatch.setattr(prepare, "PYTHON", Path(sys.executable))
    assert prepare.environment_works() is False
    (tmp_path / ".home").write_text("/somewhere/else")
    assert prepare.environment_works() is False
    (tmp_path / ".home").write_text(str(prepare.ROOT))
    assert prepare.environment_works() is True


def test_environment_that_is_a_link_is_refused_and_what_it_leads_to_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other clone" / ".venv"
    other.mkdir(parents=True)
    (other / "kept").write_text("of another clone")
    (tmp_path / ".venv").symlink_to(other)
    monkeypatch.setattr(prepare, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(prepare, "run_logged", lambda *_, **__: pytest.fail("something was run"))
    for home in ("", str(prepare.ROOT)):  # even where it would seem to be this clone's
        (other / ".home").write_text(home)
        with pytest.raises(prepare.StepFailed, match=r"(?s)is a symbolic link to .*other clone.*rm \.venv"):
            prepare.make_environment()
    assert (other / "kept").read_text() == "of another clone"


def test_only_run_and_test_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare.main(["deploy"]) == 2
    assert capsys.readouterr().err == "usage: prepare.py run|test\n"
