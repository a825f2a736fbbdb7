"""The child: one job from standard input, its result on standard output, progress on a pipe of its own.

Run as a script by `sandbox.run_job`, behind walls. Everything that crosses is JSON.

in (stdin)              {"kind": ..., "spec": {...}, "paths": {role: path}}
out (stdout)            {"result": {...}} | {"bad_input": {message, column, row, line}} | {"error": {type}}
progress (fd 3 or so)   one line each: [share done, "what is being done"]
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # -I leaves the folder of this package out of the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from audits.errors import BadInput
from audits.sandbox.jobs import find_job

STDOUT, STDERR = 1, 2


def main() -> int:
    """Do the job. Exit 0 when an answer was written, whatever it says."""
    answer_to = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)  # whatever a library prints is not the answer
    request = json.load(sys.stdin)
    answer = _do(request, _open_progress(int(request["progress"])))
    with os.fdopen(answer_to, "w", encoding="utf-8") as stream:
        stream.write(answer)
    return 0


def _do(request: dict[str, Any], progress: Callable[[float, str], None]) -> str:
    """Return the answer as JSON text. An error that nobody foresaw is told by its type; its words go to stderr."""
    paths = {role: Path(path) for role, path in request["paths"].items()}
    try:
        result = find_job(request["kind"])(paths, request["spec"], progress)
        return json.dumps({"result": result}, ensure_ascii=False, allow_nan=False)
    except BadInput as error:
        said = {"message": error.message, "column": error.column, "row": error.row, "line": error.line}
        return json.dumps({"bad_input": said})
    except Exception as error:
        import traceback

        traceback.print_exc()
        return json.dumps({"error": {"type": type(error).__name__}})


def _open_progress(handle: int) -> Callable[[float, str], None]:
    """Return the function that writes progress. A parent that no longer listens is no error."""

    def tell(share: float, step: str) -> None:
        line = json.dumps([round(float(share), 4), str(step)[:200]]) + "\n"
        try:
            os.write(handle, line.encode())
        except OSError:
            pass

    return tell


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # the answer is out: threads of native libraries need no farewell
