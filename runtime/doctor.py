"""What the platform needs of a machine, looked at one by one."""

import sys
from collections.abc import Callable
from importlib.metadata import version

from msgspec import Struct

from runtime import platform
from runtime.data_dir import prepare
from runtime.jars import default_cache, fetch, locked_bundle
from runtime.java import find_java
from runtime.processes import recorded
from runtime.settings import Settings
from schemas.errors import AuterityError

PYTHON_MIN = (3, 11)


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str


def findings(conf: Settings) -> list[Finding]:
    """Looks at everything; a thing that is missing is a finding, not an error."""
    return [
        Finding("python", sys.version_info >= PYTHON_MIN, ".".join(map(str, sys.version_info[:3]))),
        _look("faust", lambda: version("faust-streaming")),
        _look("data directory", lambda: str(prepare(conf.data_dir))),
        _look("java", lambda: _java(conf)),
        _look("kafka jars", lambda: _jars(conf.kafka, "kafka")),
        _look("registry", lambda: _jars(conf.registry, "registry")),
        _look("clickhouse", lambda: conf.clickhouse or f"embedded, chdb {version('chdb-core')}"),
        _look("model", lambda: conf.model or "local (answers are marked degraded)"),
        _look("platform", lambda: _running(conf)),
    ]


def _look(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except AuterityError as error:
        return Finding(what, False, str(error))


def _java(conf: Settings) -> str:
    if conf.kafka is not None and conf.registry is not None:
        return "not needed"
    found = find_java(21 if conf.registry is None else 17)
    return f"{found.version}, {found.launcher}"


def _jars(url: str | None, name: str) -> str:
    if url is not None:
        return url
    bundle = locked_bundle(name)
    return f"{bundle.version}, {fetch(bundle, default_cache(), lambda _: None)}"


def _running(conf: Settings) -> str:
    names = [process.name for process in recorded(conf.data_dir)]
    if not names:
        return "not running"
    return f"running: {', '.join(names)}; answers at {platform.facts(conf).url}"
