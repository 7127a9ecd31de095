"""The analytics process: fills ClickHouse from the topics; owns the embedded engine's folder and answers for it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import uvloop

from connectors.kafka import rewind
from runtime.settings import Settings
from runtime.worker import Workbench, serve
from schemas.codec import Codec
from sinks.clickhouse import ClickHouseSink
from sinks.embedded import ChdbEngine
from sinks.endpoint import Endpoint, token_file
from sinks.reader import Reader
from sinks.server import ServerEngine
from streams.app import Place, group
from streams.rest import SinkStage

NAME = "clickhouse"
"""Names the stage and its consumer group."""


def run_analytics(bootstrap: str, registry_url: str, data_dir: Path, port: int, conf: Settings) -> None:
    """Runs until SIGTERM. With a ClickHouse URL in the settings it fills that server, and answers no queries."""
    uvloop.run(_analytics(bootstrap, registry_url, data_dir, port, conf))


async def _analytics(bootstrap: str, registry_url: str, data_dir: Path, port: int, conf: Settings) -> None:
    place = Place(bootstrap, data_dir / "analytics", conf.group_prefix)
    async with Workbench(place, registry_url) as tools:
        with opened(tools.codec, data_dir, port, conf) as (sink, fresh):
            if fresh:  # the tables are a projection: what they lack is on the log
                rewind(bootstrap, group(place, NAME))
            await serve([SinkStage(NAME, sink, tools)], data_dir / "run" / "analytics.ready")


@contextlib.contextmanager
def opened(codec: Codec, data_dir: Path, port: int, conf: Settings) -> Iterator[tuple[ClickHouseSink, bool]]:
    """Yields the sink and whether its tables are new; the embedded engine answers on the port as long."""
    with contextlib.ExitStack() as stack:
        engine: ServerEngine | ChdbEngine
        if conf.clickhouse is not None:
            engine = ServerEngine(conf.clickhouse, conf.clickhouse_user, conf.clickhouse_password)
        else:
            folder = data_dir / "clickhouse"
            engine = ChdbEngine(folder)
            endpoint = Endpoint(Reader(folder), token_file(data_dir).read_text(), port)
        stack.callback(engine.close)
        sink = ClickHouseSink(engine, codec)
        fresh = sink.prepare()
        if conf.clickhouse is None:
            endpoint.start()
            stack.callback(endpoint.close)
        yield sink, fresh
