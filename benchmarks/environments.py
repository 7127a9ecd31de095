"""How each peer is started; its environment is made on demand, once per user, from its own lock."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.process import ROOT
from benchmarks.workloads import OURS
from runtime.jars import default_cache, fetch, locked_bundle
from schemas.errors import AuterityError

PEERS = Path(__file__).parent / "peers"
SETUP_S = 300.0
COMPILE_S = 120.0
JAVA_FILE = PEERS / "kafka_streams" / "KafkaStreamsPeer.java"


class NotThere(AuterityError):
    """A peer cannot be run on this machine."""


def command(peer: str, folder: Path) -> list[str]:
    """Returns what starts the peer, made ready if need be; raises NotThere. `folder` may hold what is built."""
    noun = peer.replace("-", "_")
    if peer == OURS:
        return [sys.executable, "-m", "benchmarks.ours"]
    if peer == "kafka-streams":
        return _java(folder / noun)
    python = _environment(noun) if (PEERS / noun / "uv.lock").exists() else sys.executable
    return [python, "-m", f"benchmarks.peers.{noun}.peer"]


def _environment(noun: str) -> str:
    """Returns the Python of the peer's environment, after `uv sync --locked`."""
    tag = f"{noun}-python{sys.version_info.major}.{sys.version_info.minor}"
    place = default_cache().parent / "peers" / tag
    env = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    env["UV_PROJECT_ENVIRONMENT"] = str(place)
    sync = [_uv(), "sync", "--locked", "--quiet", "--python", sys.executable, "--project", str(PEERS / noun)]
    _run(sync, SETUP_S, env, "its environment could not be made")
    return str(place / "bin" / "python")


def _uv() -> str:
    found = shutil.which("uv") or shutil.which("uv", path=ROOT / ".uv" / "bin")
    if found is None:
        raise NotThere("uv is not there")
    return found


def _java(classes: Path) -> list[str]:
    """Returns the start of the Java peer, compiled by the machine's JDK against the locked jars."""
    compiler = _javac()
    jars = fetch(locked_bundle("kafka-streams", JAVA_FILE.with_name("jars.lock")), default_cache(), _quiet)
    classes.mkdir(parents=True, exist_ok=True)
    compile_ = [str(compiler), "-cp", f"{jars}/*", "-d", str(classes), str(JAVA_FILE)]
    _run(compile_, COMPILE_S, dict(os.environ), "it could not be compiled")
    return [
        str(compiler.with_name("java")),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        "-cp",
        f"{classes}:{jars}/*",
        JAVA_FILE.stem,
        str(ROOT / "schemas" / "avro"),
    ]


def _javac() -> Path:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("javac", path=f"{home}/bin") if home else None
    found = found or shutil.which("javac")
    if found is None:
        raise NotThere("no JDK")
    return Path(found).resolve()


def _run(argv: Sequence[str], limit_s: float, env: dict[str, str], what: str) -> None:
    try:
        done = subprocess.run(
            argv, env=env, timeout=limit_s, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise NotThere(f"{what} within {limit_s:.0f} s") from None
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise NotThere(f"{what}: {said[-1] if said else f'status {done.returncode}'}")


def _quiet(_: str) -> None:
    """Nobody is told: several peers are made ready at once."""
