"""Twelve formats and more that run code when they are opened, through every door: nothing opens them.

The laboratory computes in this process here, without walls, so that a payload that ran would leave its mark.
"""

from __future__ import annotations

import io
import json
import marshal
import os
import pickle
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import joblib  # type: ignore[import-untyped]
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from audits.cli import main
from audits.errors import BadInput
from audits.sandbox.jobs import find_job
from governance import runner
from governance.actions import evaluations
from governance.evidence_content import NEEDS_FILE
from governance.exceptions import GovernanceError
from governance.models import WorkStatus
from tests import cast


class Canary:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.mark,)


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), text)
    return content.getvalue()


def save_array(canary: Canary, save: Callable[..., None]) -> bytes:
    content = io.BytesIO()
    save(content, np.array([canary, canary], dtype=object), allow_pickle=True)
    return content.getvalue()


def write_joblib(canary: Canary) -> bytes:
    content = io.BytesIO()
    joblib.dump([canary, np.zeros(3)], content)
    return content.getvalue()


def write_skops(canary: Canary) -> bytes:
    node = {"__class__": "mkdir", "__module__": "os", "__loader__": "MethodNode", "content": canary.mark}
    return zipped(schema_dot_json=json.dumps(node).encode(), data_dot_pkl=pickle.dumps(canary))


def write_extension(canary: Canary) -> bytes:
    """A Parquet column of a Python extension type, whose description older readers unpickled."""
    told = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": pickle.dumps(canary)}
    fields = [pa.field(name, pa.string(), metadata=told) for name in ("row_id", "sex", "y_true", "y_pred")]
    content = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array(["1", "0"])] * 4, schema=pa.schema(fields)), content)
    return content.getvalue()


def write_marshal(canary: Canary) -> bytes:
    return marshal.dumps(compile(f"import os; os.mkdir({canary.mark!r})", "canary", "exec"))


def write_keras(canary: Canary) -> bytes:
    layer = {"class_name": "Lambda", "config": {"function": write_marshal(canary).hex()}}
    return zipped(config_dot_json=json.dumps(layer).encode())


HDF5 = b"\x89HDF\r\n\x1a\n"
FORMATS: dict[str, Callable[[Canary], bytes]] = {
    "pickle 2": lambda canary: pickle.dumps(canary, 2),
    "pickle 5": lambda canary: pickle.dumps(canary, 5),
    "joblib": write_joblib,
    "cloudpickle": cloudpickle.dumps,
    "skops": write_skops,
    "keras h5": lambda canary: HDF5 + b"\0" * 88 + pickle.dumps(canary),
    "keras zip": write_keras,
    "torch zip": lambda canary: zipped(archive__data_dot_pkl=pickle.dumps(canary, 2), archive__version=b"3\n"),
    "npy": lambda canary: save_array(canary, np.save),
    "npz": lambda canary: zipped(arr_dot_npy=save_array(canary, np.save)),
    "mlflow folder": lambda canary: zipped(
        MLmodel=b"flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n", model_dot_pkl=pickle.dumps(canary)
    ),
    "marshal": write_marshal,
    "yaml": lambda canary: f"!!python/object/apply:os.mkdir ['{canary.mark}']\n".encode(),
    "parquet extension": write_extension,
}
JOBS: dict[str, dict[str, Any]] = {
    "bias_audit": cast.PREDICTIONS_SPEC,
    "explanation": cast.ATTRIBUTIONS_SPEC,
    "recomputed_explanation": {"columns": {}},
    "onnx_explanation": {"features": ["a"]},
    "data_quality": {},
}


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path / "MARK")


def test_the_canary_sings(canary: Canary) -> None:
    """A test that cannot fail proves nothing: opened the wrong way, each kind of payload leaves its mark."""
    openers: list[Callable[[], Any]] = [
        lambda: pickle.loads(FORMATS["pickle 5"](canary)),  # noqa: S301 - our own
        lambda: joblib.load(io.BytesIO(FORMATS["joblib"](canary))),
        lambda: np.load(io.BytesIO(FORMATS["npy"](canary)), allow_pickle=True),
        lambda: yaml.unsafe_load(FORMATS["yaml"](canary)),  # noqa: S506 - our own
        lambda: eval(marshal.loads(FORMATS["marshal"](canary))),  # noqa: S302, S307 - our own
    ]
    for opener in openers:
        opener()
        Path(canary.mark).rmdir()


@pytest.mark.parametrize("name", FORMATS)
def test_no_job_of_the_laboratory_opens_it(canary: Canary, tmp_path: Path, name: str) -> None:
    path = tmp_path / "upload"
    path.write_bytes(FORMATS[name](canary))
    good = tmp_path / "good.csv"
    good.write_bytes(cast.make_predictions(40))
    roles = ("evidence", "data", "background", "predictions", "sensitive_file", "training", "source", "former")
    for kind, spec in JOBS.items():
        for paths in (dict.fromkeys(roles, path), dict.fromkeys(roles, path) | {"evidence": good}):
            with suppress(BadInput):
                find_job(kind)(paths, spec, lambda share, step: None)
            assert not Path(canary.mark).exists(), kind


@pytest.mark.parametrize("name", FORMATS)
def test_no_command_opens_it(canary: Canary, tmp_path: Path, monkeypatch, capsys, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("upload").write_bytes(FORMATS[name](canary))
    Path("spec.json").write_text(json.dumps(cast.PREDICTIONS_SPEC | {"file": "upload"}))
    for words in (["bias", "spec.json"], ["explain", "spec.json"], ["quality", "spec.json"], ["cells", "spec.json"]):
        main([*words, "--out", "result.json"])
        main([words[0], "upload", "--out", "result.json"])
        assert not Path(canary.mark).exists(), words
    main(["bias", "spec.json", "--cells", "upload", "--out", "result.json"])
    assert not Path(canary.mark).exists()
    assert capsys.readouterr().err


@pytest.mark.parametrize("name", FORMATS)
def test_no_kind_of_evidence_opens_it(version, developer, canary: Canary, name: str) -> None:
    content = FORMATS[name](canary)
    kept = []
    for kind in sorted(NEEDS_FILE):
        with suppress(GovernanceError):
            kept.append(cast.submit(version, kind, by=developer, file=[content], file_name="model.bin"))
        assert not Path(canary.mark).exists(), kind
    assert {"file", "document"} <= {item.kind for item in kept}


@pytest.mark.parametrize("name", FORMATS)
def test_no_evaluation_opens_it(version, developer, canary: Canary, settings, monkeypatch, name: str) -> None:
    settings.COUNTERSIGN_ONNX = True
    monkeypatch.setattr("governance.actions.evidence.check_readable", lambda kind, file: None)  # or most never get here
    content = FORMATS[name](canary)
    asked = {
        "predictions": ("bias_audit", cast.PREDICTIONS_SPEC),
        "cells": ("bias_audit", cast.PREDICTIONS_SPEC),
        "attributions": ("explanation", cast.ATTRIBUTIONS_SPEC),
        "model_document": ("explanation", {"columns": {}}),
        "onnx_model": ("explanation", {"features": ["a"]}),
        "table": ("data_quality", {}),
    }
    table = cast.submit(version, "table", by=developer, file=[content], file_name="rows.bin")
    for evidence_kind, (kind, spec) in asked.items():
        item = cast.submit(version, evidence_kind, by=developer, file=[content], file_name="model.bin")
        needs_rows = evidence_kind in ("model_document", "onnx_model")
        evaluation = evaluations.request_evaluation(
            version,
            kind=kind,
            evidence=item,
            spec=spec,
            inputs={"data": table} if needs_rows else {},
            actor=cast.acting(developer),
        )
        assert runner.run(evaluation.pk) is True
        evaluation.refresh_from_db()
        assert not Path(canary.mark).exists(), evidence_kind
        assert evaluation.status in (WorkStatus.FAILED, WorkStatus.SUCCEEDED)
        assert "unexpected" not in evaluation.failure, evaluation.failure
