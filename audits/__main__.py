"""Run the laboratory without a server: ``python -m audits bias SPEC.json --out RESULT.json``."""

from __future__ import annotations

import sys

from audits.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
