"""Mutation testing: plant one small fault at a time in a module, and see whether the tests that mirror it notice.

    python -m tests.mutation governance/merkle.py [test files] [--lines 40-80]

Prints a line for every mutant that survives, then the score. Everything is imported and tried once without a fault;
then every mutant runs in a forked child, in which the faulty code is put into the functions that exist already. Only
the tests that call the faulty function are run, quickest first, until one fails.
"""

from __future__ import annotations

import argparse
import ast
import gc
import os
import resource
import shutil
import signal
import sys
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from types import CodeType, FrameType, FunctionType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import Phase, settings

from tests.mutants import Mutant, codes_of, constant_of, make_mutants

ROOT = Path(__file__).resolve().parents[1]
GATE = [f"tests/governance/test_gate{part}.py" for part in ("", "_findings", "_signing", "_words", "_policy")]
POLICY = ["tests/governance/test_policy.py", "tests/governance/bypass/test_b08_degenerate_policies.py"]
CRITERIA = [*GATE, "tests/governance/test_confidence_level.py"]
TESTS: dict[str, list[str]] = {
    "governance/merkle.py": ["tests/governance/test_merkle.py"],
    "governance/canonical.py": ["tests/governance/test_canonical.py"],
    "governance/policy.py": POLICY,
    "governance/policy_text.py": POLICY,
    "governance/policy_fit.py": ["tests/governance/test_policy_fit.py", *POLICY[1:]],
    "governance/permissions.py": ["tests/governance/test_permissions.py"],
    "governance/findings.py": GATE,
    "governance/gate.py": GATE,
    "governance/gate_policy.py": GATE,
    "governance/gate_signing.py": GATE,
    "governance/gate_criteria.py": CRITERIA,
    "governance/gate_evaluations.py": [*GATE, "tests/governance/test_gate_evaluations.py"],
    "governance/dossier.py": ["tests/governance/test_dossier.py"],
    "governance/auditlog.py": ["tests/governance/test_auditlog.py"],
    "client/countersign/verifier.py": sorted(
        str(path.relative_to(ROOT)) for path in (ROOT / "tests/client").glob("test_verifier*.py")
    ),
}
LONGEST = 5
"""Seconds of processor time, besides three times what the chosen tests took without a fault."""
settings.register_profile("mutation", phases=[Phase.explicit, Phase.generate], database=None, deadline=None)


class Planter:
    """A pytest plugin that runs the session's tests once as they are, and then once for every mutant."""

    def __init__(self, module: Path, lines: range | None) -> None:
        self.module = module
        self.source = module.read_text(encoding="utf-8")
        self.lines = lines
        self.cost: dict[str, float] = {}
        self.callers: dict[str, set[str]] = defaultdict(set)
        self.reports: dict[str, str] = {}
        self.survivors: list[Mutant] = []
        self.killed = 0

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.reports[report.nodeid] = report.longreprtext

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = session.items
        for item in items:
            started = time.process_time()
            sys.setprofile(partial(self.note, item))
            try:
                self.run(session, item)
            finally:
                sys.setprofile(None)
            self.cost[item.nodeid] = time.process_time() - started
        if self.reports:
            raise pytest.UsageError("Without a fault these fail: " + ", ".join(self.reports))
        self.functions, self.caches = self.find_functions(), find_caches()
        self.part_from_database()
        # Children then share the memory instead of going through it.
        gc.freeze()
        for mutant in make_mutants(self.source):
            if self.lines is None or mutant.line in self.lines:
                self.judge(session, mutant)
        return True

    def note(self, item: pytest.Item, frame: FrameType, event: str, _given: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename == str(self.module):
            self.callers[code.co_qualname.partition(".<locals>")[0]].add(item.nodeid)

    def run(self, session: pytest.Session, item: pytest.Item) -> None:
        """Run one test; what only it or its file needed is taken down, what the whole session needs stays."""
        stays = SimpleNamespace(listchain=lambda: [session])
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=stays)

    def find_functions(self) -> dict[str, list[FunctionType]]:
        """Every function made from the module's source, however it is wrapped, by qualified name."""
        found: dict[str, list[FunctionType]] = defaultdict(list)
        for thing in gc.get_objects():
            if isinstance(thing, FunctionType) and thing.__code__.co_filename == str(self.module):
                found[thing.__code__.co_qualname].append(thing)
        return found

    def part_from_database(self) -> None:
        """Close the connection before forking: two processes must not share one."""
        from django.db import connections

        connections.close_all()

    def judge(self, session: pytest.Session, mutant: Mutant) -> None:
        chosen = self.choose(session, mutant)
        if not chosen:
            self.tell(mutant, "no test calls it")
            return
        child = os.fork()
        if child == 0:
            os._exit(self.try_one(session, mutant, chosen))
        _pid, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) == 0:
            self.tell(mutant, f"{len(chosen)} tests pass")
        else:
            self.killed += 1

    def tell(self, mutant: Mutant, why: str) -> None:
        self.survivors.append(mutant)
        print(f"{self.module.name}:{mutant.line} {mutant.owner}: {mutant.what} [{why}]", flush=True)

    def choose(self, session: pytest.Session, mutant: Mutant) -> list[pytest.Item]:
        known = self.callers.get(mutant.owner, set()) if mutant.owner else {item.nodeid for item in session.items}
        chosen = [item for item in session.items if item.nodeid in known]
        return sorted(chosen, key=lambda item: self.cost[item.nodeid])

    def try_one(self, session: pytest.Session, mutant: Mutant, chosen: list[pytest.Item]) -> int:
        """In the child: 0 if every test passes, 1 if one fails."""
        limit = LONGEST + int(3 * sum(self.cost[item.nodeid] for item in chosen))
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        signal.alarm(limit * 60)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        own = copy_database()
        try:
            self.plant(mutant)
            for item in chosen:
                self.run(session, item)
                if self.reports:
                    return 1
            return 0
        except BaseException:  # whatever a faulty module raises at its import is noticed by everybody
            return 1
        finally:
            if own is not None:
                own.unlink(missing_ok=True)

    def plant(self, mutant: Mutant) -> None:
        tree = mutant.build(self.source)
        code = compile(tree, str(self.module), "exec")
        for cache in self.caches:
            cache.cache_clear()
        if not mutant.owner:
            scope = plant_constants(self.module, tree, code)
            for name, functions in self.functions.items():
                for function in functions if isinstance(scope.get(name), FunctionType) else ():
                    function.__defaults__ = scope[name].__defaults__
                    function.__kwdefaults__ = scope[name].__kwdefaults__
            return
        faulty = {inner.co_qualname: inner for inner in codes_of(code)}
        for name, functions in self.functions.items():
            if name == mutant.owner:
                for function in functions:
                    function.__code__ = faulty[name]


def find_caches() -> list[Any]:
    """What remembers results that a fault would change."""
    cached = [thing for thing in gc.get_objects() if hasattr(type(thing), "cache_clear")]
    return [thing for thing in cached if str(getattr(thing, "__module__", "")).startswith("governance")]


def plant_constants(module: Path, tree: ast.Module, code: CodeType) -> dict[str, Any]:
    """Compute the module's constants anew, and put those that differ wherever the old ones were imported."""
    loaded = [item for item in list(sys.modules.values()) if getattr(item, "__file__", None) == str(module)]
    first = loaded[0]
    scope: dict[str, Any] = {"__name__": first.__name__, "__file__": str(module), "__package__": first.__package__}
    exec(code, scope)  # noqa: S102 - our own source with one fault
    for name in filter(None, map(constant_of, tree.body)):
        old = getattr(first, name)
        if scope[name] == old:
            continue
        for holder in list(sys.modules.values()):
            ours = holder.__name__.startswith(("governance", "portal"))
            if holder in loaded or (ours and getattr(holder, name, None) is old):
                setattr(holder, name, scope[name])
    return scope


def copy_database() -> Path | None:
    """Let this process have its own copy of the tests' SQLite file."""
    from django.db import connections

    wrapper = connections["default"]
    name = str(wrapper.settings_dict["NAME"])
    if wrapper.vendor != "sqlite" or not Path(name).is_file():
        return None
    own = Path(f"{name}.{os.getpid()}")
    shutil.copyfile(name, own)
    wrapper.settings_dict["NAME"] = str(own)
    return own


def parse_lines(text: str) -> range:
    first, _dash, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("module", choices=sorted(TESTS), metavar="module", help=", ".join(sorted(TESTS)))
    parser.add_argument("tests", nargs="*", help="instead of the tests that mirror the module")
    parser.add_argument("--lines", type=parse_lines, help="only faults in these lines, such as 40-80")
    given = parser.parse_args()
    settings.load_profile("mutation")
    planter = Planter(ROOT / given.module, given.lines)
    chosen = given.tests or TESTS[given.module]
    began = time.monotonic()
    options = ["-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--no-header", "--no-summary", "-s"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    ended = pytest.main([*options, *chosen], plugins=[planter])
    total = planter.killed + len(planter.survivors)
    print(f"\n{given.module}: {planter.killed} of {total} killed", end="")
    print(f" ({planter.killed / total:.1%}), {time.monotonic() - began:.0f} s" if total else "")
    return int(ended) or (0 if total else 1)


if __name__ == "__main__":
    sys.exit(main())
