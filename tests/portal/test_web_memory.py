"""Web processes stay small after a day's visits, and never load what belongs in a worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.bench.parts.serving import sign_in
from tests.portals import Portal
from tests.test_architecture import HEAVY, LARGEST_WEB_PROCESS_MB

PAGES = [
    *(
        "/",
        "/models/",
        "/models/{model}/",
        "/log/",
        "/log/{entry}/",
        "/datasets/",
        "/reports/",
        "/tokens/",
        "/projects/",
    ),
    *(f"/versions/{{version}}/?tab={tab}" for tab in ("gate", "requirements", "evidence", "audits", "explanations")),
    *(f"/versions/{{version}}/?tab={tab}" for tab in ("lineage", "sign-offs", "reports", "log")),
    *("/versions/{version}/evidence/new/", "/versions/{version}/evaluations/new/"),
    *("/evaluations/1/", "/evaluations/2/"),
    *("/evidence/1/", "/api/v1/models", "/api/v1/model-versions/{version}/dossier", "/api/v1/schema/"),
    *("/api/v1/model-versions/{version}/gate", "/api/v1/log/entries", "/api/v1/metrics"),
]


def find_web_processes(portal: Portal) -> list[int]:
    """The gunicorn workers; their parent, the oldest, answers nobody."""
    return sorted(pid for pid, command in portal.list_processes().items() if "gunicorn" in command)[1:]


def read_resident_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def list_heavy_libraries(pid: int) -> set[str]:
    """Heavy libraries whose binary parts the process has mapped."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return {name for name in HEAVY if f"/site-packages/{name}/" in maps or f"/_{name}" in maps}


def test_web_processes_stay_small_and_light_after_every_main_page(new_portal: Callable[..., Portal]) -> None:
    portal = new_portal()
    portal.start("--prepare")
    shown = portal.manage("shell", "-c", "from tests.bench.parts import filling; filling.open_portal()")
    known = json.loads(shown.stdout.strip().splitlines()[-1])
    with httpx.Client(base_url=portal.url, headers={"Referer": portal.url}, timeout=60) as browser:
        sign_in(browser, "dana", known["password"])
        for _ in range(4):
            answers = {path: browser.get(path.format(**known)).status_code for path in PAGES}
            assert {path: code for path, code in answers.items() if code != 200} == {}
    workers = find_web_processes(portal)
    assert len(workers) == 2
    resident = {pid: read_resident_megabytes(pid) for pid in workers}
    assert max(resident.values()) < LARGEST_WEB_PROCESS_MB, resident
    assert max(resident.values()) > 20
    assert {pid: found for pid in workers if (found := list_heavy_libraries(pid))} == {}
