"""The processes under test: `python -m tests.chaos.pipeline PART`, with the part as JSON (tests.chaos.part)."""

import os
import sys
import threading
import time

from tests.chaos.part import Part, parse, use_release

ORPHAN_POLL_S = 1.0


def main() -> None:
    """Runs the part until SIGTERM."""
    part = parse(sys.argv[1])
    threading.Thread(target=_end_with_the_harness, args=(os.getppid(),), daemon=True).start()
    if part.clock_ahead_s:
        now = time.time
        time.time = lambda: now() + part.clock_ahead_s
    if part.evolved is not None:
        use_release(part.evolved)
    import uvloop  # after the clock

    from runtime.logs import configure

    if part.delivery_timeout_s:
        import connectors.publisher

        connectors.publisher.DELIVERY_TIMEOUT_S = part.delivery_timeout_s
    configure("INFO")
    uvloop.run({"stage": _stage, "sink": _sink, "naive": _naive, "money": _money}[part.role](part))


async def _stage(part: Part) -> None:
    from runtime.worker import Workbench, serve
    from streams.stage import Stage
    from tests.chaos.totals import Totals

    async with Workbench(_place(part), part.registry) as tools:
        await serve([Stage(Totals(), tools)], part.ready)


async def _naive(part: Part) -> None:
    from runtime.worker import Workbench
    from tests.chaos.naive import NaiveStage

    async with Workbench(_place(part), part.registry) as tools:
        await NaiveStage(tools, part.session_timeout_s).run(part.ready)


async def _money(part: Part) -> None:
    import msgspec

    from agents.leases import Leases
    from agents.relaycore import RelayCore
    from connectors.detector import Detector
    from connectors.kafka import ensure_changelogs
    from connectors.models.hosted import Models
    from domain.accounts import Accounts
    from domain.admissions import Admissions
    from runtime.worker import Workbench, serve
    from schemas.catalogue import PARTITIONS
    from streams.app import changelog
    from streams.stage import Stage
    from tests.chaos.sleepy import Sleepy

    place = _place(part)
    names = [Accounts.name, Admissions.name, RelayCore.name]
    ensure_changelogs(part.bootstrap, {changelog(place, name): PARTITIONS for name in names})
    async with Workbench(place, part.registry) as tools:
        assert part.control is not None
        budgets = msgspec.structs.replace(tools, publisher=Sleepy(tools.publisher, part.control, part.bootstrap))
        detector = Detector()
        accounts = Stage(Accounts(), budgets)
        Leases(accounts, tools)
        await serve([accounts, Stage(Admissions(), tools), RelayCore(Models(), detector, tools)], part.ready)
        await detector.close()


async def _sink(part: Part) -> None:
    from runtime.analytics import NAME
    from runtime.worker import Workbench, serve
    from sinks.clickhouse import ClickHouseSink
    from sinks.embedded import ChdbEngine
    from streams.rest import SinkStage
    from tests.chaos.faulty_engine import FaultyEngine
    from tests.chaos.tables import TOPICS

    async with Workbench(_place(part), part.registry) as tools:
        engine = FaultyEngine(ChdbEngine(part.folder / "clickhouse"), part.control)
        sink = ClickHouseSink(engine, tools.codec, TOPICS)
        sink.prepare()
        await serve([SinkStage(NAME, sink, tools)], part.ready)
        engine.close()


def _place(part: Part):
    from streams.app import Place

    options = {"session_timeout_s": part.session_timeout_s, "run_records_max": part.run_records_max}
    known = {name: value for name, value in options.items() if value and name in Place.__struct_fields__}
    return Place(part.bootstrap, part.folder, part.prefix, **known)


def _end_with_the_harness(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(ORPHAN_POLL_S)
    os._exit(1)


if __name__ == "__main__":
    main()
