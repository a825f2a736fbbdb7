"""The shape of the house: what import-linter cannot say, said by reading the source."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("audits", "governance", "portal")
PARTS = (*FLOORS, "client", "tools", "tests")

LONGEST_FUNCTION = 50
LONGEST_FILE = 400
# An auditor holds the offline verifier as one file, so it may not be split.
ONE_FILE_ON_PURPOSE = "client/countersign/verifier.py"

WRITES = {
    *("save", "create", "acreate", "get_or_create", "update_or_create", "update", "aupdate"),
    *("delete", "adelete", "bulk_create", "bulk_update", "select_for_update", "raw"),
}
HTTP = ("django.http", "django.views", "django.urls", "django.shortcuts", "rest_framework", "httpx")
DESERIALIZERS = {
    *("pickle", "_pickle", "cPickle", "joblib", "dill", "cloudpickle", "skops", "shelve"),
    *("marshal", "jsonpickle", "torch", "keras", "tensorflow"),
}
DESERIALIZER_CALLS = {"read_pickle", "eval", "exec", "unsafe_load", "full_load", "load_all"}
HEAVY = {
    *("pandas", "sklearn", "scipy", "shap", "fairlearn", "weasyprint", "duckdb", "altair"),
    *("vl_convert", "numpy", "numba", "pyarrow", "matplotlib"),
}
LARGEST_WEB_PROCESS_MB = 150


def list_sources(*parts: str, migrations: bool = False) -> list[Path]:
    """Return the Python files below the named folders."""
    found = (path for part in parts for path in sorted((ROOT / part).rglob("*.py")))
    return [path for path in found if migrations or "migrations" not in path.parts]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def list_functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def list_imports(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield each imported module with its statement; `from a import b` yields a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node, node.module
            for alias in node.names:
                yield node, f"{node.module}.{alias.name}"


def list_calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Yield each call with the last part of the called name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node, node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node, node.func.id


def list_actions() -> list[tuple[Path, ast.FunctionDef]]:
    """Return every public function defined at the top of a module in governance/actions."""
    return [
        (path, node)
        for path in list_sources("governance/actions")
        for node in parse(path).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


def test_actions_require_an_actor_by_keyword() -> None:
    actions = list_actions()
    assert len(actions) > 10
    lacking = [
        f"{place(path, node)} {node.name}"
        for path, node in actions
        if "actor" not in {argument.arg for argument in node.args.kwonlyargs}
        or any(
            argument.arg == "actor" and default is not None
            for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        )
    ]
    assert lacking == []


def test_actions_are_atomic() -> None:
    lacking = [
        f"{place(path, node)} {node.name}"
        for path, node in list_actions()
        if "transaction.atomic" not in {ast.unparse(mark) for mark in node.decorator_list}
    ]
    assert lacking == []


def test_portal_writes_nothing() -> None:
    written = [
        f"{place(path, call)} .{name}()"
        for path in list_sources("portal")
        for call, name in list_calls(parse(path))
        if isinstance(call.func, ast.Attribute) and name in WRITES
    ]
    assert written == []


def count_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function from its `def`; the docstring does not count."""
    docstring = node.body[0] if ast.get_docstring(node) is not None else None
    spent = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring is not None else 0
    return (node.end_lineno or 0) - node.lineno + 1 - spent


def test_functions_fit_on_a_screen() -> None:
    long = [
        f"{place(path, node)} {node.name} has {length} lines"
        for path in list_sources(*PARTS)
        for node in list_functions(parse(path))
        if (length := count_lines(node)) > LONGEST_FUNCTION
    ]
    assert long == []


def test_files_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)} has {length} lines"
        for path in list_sources(*PARTS)
        if path != ROOT / ONE_FILE_ON_PURPOSE
        and (length := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    ]
    assert long == []


def test_governance_knows_no_http() -> None:
    found = [
        f"{place(path, node)} imports {name}"
        for path in list_sources("governance", migrations=True)
        for node, name in list_imports(parse(path))
        if any(name == part or name.startswith(f"{part}.") for part in HTTP)
    ]
    assert found == []


def is_unsafe_load(call: ast.Call, name: str) -> bool:
    """Say whether a call opens a format that can run code while it is read."""
    whole = ast.unparse(call.func)
    if whole in ("yaml.load", "torch.load"):
        return True
    if whole in ("numpy.load", "np.load"):
        words = {word.arg: ast.unparse(word.value) for word in call.keywords}
        return words.get("allow_pickle") != "False"
    return name in DESERIALIZER_CALLS


def test_server_code_opens_no_code_carrying_format() -> None:
    found = [
        f"{place(path, node)} imports {name}"
        for path in list_sources(*FLOORS, migrations=True)
        for node, name in list_imports(parse(path))
        if name.split(".")[0] in DESERIALIZERS
    ]
    found += [
        f"{place(path, call)} calls {name}"
        for path in list_sources(*FLOORS, migrations=True)
        for call, name in list_calls(parse(path))
        if is_unsafe_load(call, name)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("yaml.load(text)", True),
        ("yaml.safe_load(text)", False),
        ("np.load(file)", True),
        ("np.load(file, allow_pickle=True)", True),
        ("numpy.load(file, allow_pickle=False)", False),
        ("pandas.read_pickle(file)", True),
        ("eval(text)", True),
        ("json.load(file)", False),
    ],
)
def test_the_scan_for_unsafe_loads_bites(source: str, expected: bool) -> None:
    call, name = next(list_calls(ast.parse(source)))
    assert is_unsafe_load(call, name) is expected


WEB_PROCESS = """
import json, sys
import portal.wsgi, portal.urls
from django.test import Client
from django.urls import get_resolver
client = Client(HTTP_HOST="localhost")
get_resolver().url_patterns
answers = [client.get(path).status_code for path in ("/healthz", "/sign-in/")]
status = open("/proc/self/status").read()
resident = int(status.split("VmRSS:")[1].split()[0]) / 1024
print(json.dumps({"modules": sorted(sys.modules), "resident": resident, "answers": answers}))
"""


def test_web_process_is_small_and_imports_no_heavy_library(tmp_path: Path, collected_data: Path) -> None:
    os.symlink(collected_data / "static", tmp_path / "static")
    done = subprocess.run(
        [sys.executable, "-c", WEB_PROCESS],
        cwd=ROOT,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("COUNTERSIGN_")},
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "COUNTERSIGN_DATA": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["answers"] == [503, 200]  # its database has no tables, and that is no reason to fail
    assert HEAVY & set(seen["modules"]) == set()
    assert seen["resident"] < LARGEST_WEB_PROCESS_MB
