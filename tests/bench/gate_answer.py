"""The gate's answer to a pipeline at several sizes of the record, through the running portal.

    python tests/bench/gate_answer.py [--rows 1000 100000 1000000]

Prints milliseconds of a whole request as a program meets it (median of 51): the answer for a version that is released
and sealed, for one that waits for its signatures, and for an artifact's digest; and the ratio of the last size to the
first. For PostgreSQL: `python tools/servers.py -- python tests/bench/gate_answer.py`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import httpx  # noqa: E402 - the repository must be on the path first

from tests.bench.parts.serving import describe_portal, serve  # noqa: E402

TIMES = 51


def measure(program: httpx.Client, asked: dict[str, object], code: str) -> float:
    """Milliseconds of the median request, after one that warms what is read once."""
    times = []
    for _ in range(TIMES + 1):
        started = time.perf_counter()
        answer = program.get("/api/v1/gate", params=asked)
        times.append((time.perf_counter() - started) * 1_000)
        assert answer.status_code == 200, answer.text
        assert answer.json()["code"] == code, answer.json()["reason"]
    return statistics.median(times[1:])


def wait_for_seal(program: httpx.Client, asked: dict[str, object]) -> None:
    until = time.monotonic() + 30
    while program.get("/api/v1/gate", params=asked).json()["code"] == "pending_seal":
        assert time.monotonic() < until, "the signer does not seal"
        time.sleep(0.1)


def main(sizes: list[int]) -> None:
    measured: dict[str, list[float]] = {}
    with serve() as served:
        print(f"Milliseconds of GET /api/v1/gate ({describe_portal(served.portal)})")
        known = json.loads(served.run("release_one()").strip().splitlines()[-1])
        headers = {"Authorization": f"Bearer {known['token']}"}
        asked = {
            "released": ({"model": known["model"], "version": known["released"]}, "released"),
            "waiting": ({"model": known["model"], "version": known["waiting"]}, "not_released"),
            "digest": ({"digest": "sha256:" + "a" * 64}, "released"),
        }
        with httpx.Client(base_url=str(served.program.base_url), headers=headers, timeout=60) as program:
            wait_for_seal(program, asked["released"][0])
            for rows in sizes:
                served.run(f"fill({rows})")
                for name, (question, code) in asked.items():
                    measured.setdefault(name, []).append(measure(program, question, code))
                print(
                    f"{rows:,}: " + ", ".join(f"{name} {times[-1]:.1f}" for name, times in measured.items()), flush=True
                )
    print(f"\n{'':12}" + "".join(f"{rows:>12,}" for rows in sizes) + f"{'ratio':>9}")
    for name, times in measured.items():
        print(f"{name:12}" + "".join(f"{taken:12.1f}" for taken in times) + f"{times[-1] / times[0]:9.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 100_000])
    main(sorted(parser.parse_args().rows))
