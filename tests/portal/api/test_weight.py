"""A web process stays small: importing the whole API brings none of the heavy libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("pandas", "numpy", "sklearn", "scipy", "shap", "fairlearn", "weasyprint", "duckdb", "altair", "vl_convert")
SCRIPT = f"""
import django, sys
django.setup()
import portal.urls, portal.api.urls
from governance import runner
runner.vocabulary()
runner.check_spec("bias_audit", {{"task": "binary", "columns": {{"y_true": "a", "y_pred": "b"}},
                                  "positive_label": "1", "sensitive": ["c"]}})
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_the_api_imports_no_heavy_library(tmp_path: Path) -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings", "COUNTERSIGN_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
