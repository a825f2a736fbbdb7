"""Page times at several sizes of the record, through the running portal as a browser and a program meet it.

    python tests/bench/pages.py [--rows 1000 100000]

Prints milliseconds (median of seven) at each size and the ratio of the last to the first: how much slower a page
becomes when the record grows. For PostgreSQL: `python tools/servers.py -- python tests/bench/pages.py`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import httpx  # noqa: E402 - the repository must be on the path first

from tests.bench.parts.serving import Served, describe_portal, serve, time_calls  # noqa: E402


def list_calls(served: Served) -> dict[str, Callable[[], httpx.Response]]:
    """What is measured, by name."""
    version, model = served.known["version"], served.known["model"]
    pages = {
        "home": "/",
        "models": "/models/",
        "model": f"/models/{model}/",
        "version, gate": f"/versions/{version}/",
        "version, evidence": f"/versions/{version}/?tab=evidence",
        "version, log": f"/versions/{version}/?tab=log",
        "log": "/log/",
    }
    calls = {
        "API models": "models",
        "API versions": "model-versions",
        "API evidence list": f"model-versions/{version}/evidence",
        "API dossier": f"model-versions/{version}/dossier",
        "API gate": f"model-versions/{version}/gate",
        "API log entries": "log/entries",
    }
    found: dict[str, Callable[[], httpx.Response]] = {}
    for name, path in pages.items():
        found[name] = lambda path=path: served.browser.get(path)  # type: ignore[misc]
    for name, path in calls.items():
        found[name] = lambda path=path: served.program.get(f"/api/v1/{path}")  # type: ignore[misc]
    return found


def main(sizes: list[int]) -> None:
    measured: dict[str, list[float]] = {}
    with serve() as served:
        print(f"Page times in milliseconds ({describe_portal(served.portal)})")
        for rows in sizes:
            started = time.perf_counter()
            served.run(f"fill({rows})")
            print(f"{rows:,} items of evidence written in {time.perf_counter() - started:.0f} s", flush=True)
            for name, act in list_calls(served).items():
                measured.setdefault(name, []).append(time_calls(act))
    print(f"\n{'':20}" + "".join(f"{rows:>12,}" for rows in sizes) + f"{'ratio':>9}")
    for name, times in measured.items():
        print(f"{name:20}" + "".join(f"{taken:12.1f}" for taken in times) + f"{times[-1] / times[0]:9.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 100_000])
    main(sorted(parser.parse_args().rows))
