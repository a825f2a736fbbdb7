"""Take one rule away at a time: a test named after it must turn red. Run by ``make soak``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("governance", "portal", "audits", "client", "tests", "templates", "static", "manage.py", "pyproject.toml")
SIGN_OFF = "tests/governance/actions/test_signoff.py"
GATE = "tests/governance/test_gate.py"
EMERGENCY = "tests/governance/actions/test_emergency.py"

# What is taken away: (file, text, what stands there instead, the tests that must see it).
PATCHES: dict[str, tuple[str, str, str, str]] = {
    "contributors may sign": (
        "governance/permissions.py",
        "return user.person_key not in set(contributor_person_keys)",
        "return True",
        f"{SIGN_OFF} -k b01",
    ),
    "a rejected version runs in an emergency": (
        "governance/actions/emergency.py",
        "    if any(item.decision == Decision.REJECT for item in standing_refusals(dossier)):\n",
        "    if False:\n",
        "tests/governance/bypass/test_b28_emergencies.py -k rejection",
    ),
    "a role granted a moment ago decides": (
        "governance/dossier_signing.py",
        "    if held and not established:\n",
        "    established = held\n    if False:\n",
        "tests/governance/bypass/test_b03_roles_granted_late.py",
    ),
    "a row changed by hand counts": (
        "governance/dossier.py",
        "    unrecorded += records.find_unrecorded_rules(version, told)\n",
        "",
        "tests/governance/bypass/test_b10_rows_unlike_the_log.py -k opens_nothing",
    ),
    "a key takes back what the log says": (
        "portal/api/answers.py",
        "                except GovernanceError as refusal:\n",
        "                except ZeroDivisionError as refusal:\n",
        "tests/portal/bypass/test_b18_open_sessions.py -k idempotency",
    ),
    "persons are logins": (
        "governance/permissions.py",
        "return user.person_key not in set(contributor_person_keys)",
        "return str(user.pk) not in set(contributor_person_keys)",
        f"{SIGN_OFF} -k b02",
    ),
    "one person fills every slot": (
        "governance/votes.py",
        "                if person not in holder or find_person(holder[person], tried):\n",
        '                if (person := f"{person}{slot}") is not None:\n',
        f"{GATE} -k one_person",
    ),
    "an old digest is signed": (
        "governance/actions/signoff.py",
        "    if seen != dossier.digest:\n",
        "    if False:\n",
        f"{SIGN_OFF} -k b06",
    ),
    "a token signs": (
        "governance/permissions.py",
        "        return None if actor.is_interactive else (",
        "        return None if True else (",
        "tests/governance/test_permissions.py -k only_a_person",
    ),
    "no password is asked": (
        "governance/reauthentication.py",
        "check_password(",
        "has_usable_password() or user.check_password(",
        f"{SIGN_OFF} -k b18",
    ),
    "a refusal is forgotten": (
        "governance/gate_signing.py",
        "        for item in standing_refusals(dossier)\n",
        "        for item in standing_refusals(dossier)[:0]\n",
        f"{GATE} -k refusal",
    ),
    "an interval that straddles is met": (
        "governance/gate_criteria.py",
        "    if ends == {True}:\n",
        "    if True in ends:\n",
        f"{GATE} -k by_its_interval",
    ),
    "an expired sign-off counts": (
        "governance/votes.py",
        "    if item.signed_at + timedelta(days=dossier.policy.sign_off_days) < dossier.as_of:\n",
        "    if False:\n",
        f"{GATE} -k old_sign_off",
    ),
    "an expired waiver opens": (
        "governance/gate.py",
        "datetime.fromisoformat(waiver.expires_at) > dossier.as_of",
        "datetime.fromisoformat(waiver.expires_at) is not None",
        f"{GATE} -k expired_waiver",
    ),
    "evidence is not hashed again": (
        "governance/releasing.py",
        "            store.check(item.digest)\n",
        "            pass\n",
        "tests/governance/actions/test_promotion.py -k b05",
    ),
    "a forged sign-off counts": (
        "governance/dossier_signing.py",
        "    if body is None or not records(",
        "    if False and not records(",
        "tests/governance/actions/test_votes.py -k b14",
    ),
    "who asked confirms the emergency": (
        "governance/actions/emergency.py",
        "    if actor.user.person_key == request.requested_by.person_key:\n",
        "    if False:\n",
        f"{EMERGENCY} -k nobody_confirms",
    ),
    "an emergency lasts for ever": (
        "governance/permits.py",
        "    if release.expires_at <= database_now():\n",
        "    if False:\n",
        f"{EMERGENCY} -k ends_by_itself",
    ),
    "an unsealed release is allowed": (
        "governance/permits.py",
        "    if not sealing.is_sealed(release):\n",
        "    if False:\n",
        f"{EMERGENCY} -k until_it_is_sealed",
    ),
    "a young role signs": (
        "governance/dossier_signing.py",
        "    return membership.confirmed_at is not None and membership.confirmed_at <= at\n",
        "    return True\n",
        "tests/governance/actions/test_delegations.py -k b03",
    ),
    "a leaf is not hashed again": (
        "governance/log_entries.py",
        "    if leaf_hash(text) != bytes(row.leaf):\n",
        "    if False:\n",
        "tests/governance/test_log_verification.py tests/governance/test_signer.py",
    ),
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project beside itself, so that a patch touches nobody."""
    place = tmp_path_factory.mktemp("patched")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, place / part, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, place / part)
    return place


def run_tests(place: Path, chosen: str) -> subprocess.CompletedProcess[str]:
    files, _dash, words = chosen.partition(" -k ")
    narrowed = ["-k", words] if words else []
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",
        *files.split(),
        *narrowed,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), str(place / "client")])}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=900, check=False)


def test_every_patch_still_fits() -> None:
    """In every run: the rule that a patch takes away stands where the patch looks for it, once."""
    for name, (file, old, _new, chosen) in PATCHES.items():
        assert (ROOT / file).read_text(encoding="utf-8").count(old) == 1, name
        assert all((ROOT / part).exists() for part in chosen.partition(" -k ")[0].split()), name


@pytest.mark.soak
@pytest.mark.parametrize("name", PATCHES)
def test_a_rule_that_is_gone_is_missed(name: str, copied: Path) -> None:
    file, old, new, chosen = PATCHES[name]
    path = copied / file
    whole = path.read_text(encoding="utf-8")
    try:
        path.write_text(whole.replace(old, new, 1), encoding="utf-8")
        ended = run_tests(copied, chosen)
    finally:
        path.write_text(whole, encoding="utf-8")
    assert ended.returncode == 1, ended.stdout[-2_000:]
    assert "failed" in ended.stdout, ended.stdout[-2_000:]


@pytest.mark.soak
def test_without_a_patch_the_same_tests_are_green(copied: Path) -> None:
    for chosen in sorted({chosen for _file, _old, _new, chosen in PATCHES.values()}):
        ended = run_tests(copied, chosen)
        assert ended.returncode == 0, ended.stdout[-2_000:]
