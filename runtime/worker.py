"""The worker process: all stages and agents over their share of the partitions."""

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from agents.leases import Leases
from agents.relaycore import RelayCore
from connectors.answer_cache import AnswerCache
from connectors.detector import Detector
from connectors.kafka import ensure_changelogs, ensure_topics
from connectors.models.hosted import Models
from connectors.publisher import KafkaPublisher
from connectors.reader import KafkaLog
from connectors.registry import Registry
from domain.accounts import Accounts
from domain.definitions import Definitions
from runtime.definitions import following
from runtime.memory import settled, trimmed
from runtime.settings import Settings
from runtime.supervisor import worker_name
from runtime.watchdog import Watchdog, Watched
from schemas.catalogue import PARTITIONS, TOPICS
from streams.app import Place, changelog
from streams.stage import Stage, Tools
from streams.stages import DECIDERS

log = logging.getLogger(__name__)

DRAIN_S = 8.0
"""Time a stage has to finish what it holds; after it the process ends and the rest is done again."""


def run_worker(bootstrap: str, registry_url: str, data_dir: Path, conf: Settings, number: int = 1) -> None:
    """Runs until SIGTERM; every stage finishes what it holds, then the process ends."""
    name = worker_name(number)
    place = Place(bootstrap, data_dir / name, conf.group_prefix)
    uvloop.run(_worker(place, registry_url, conf, data_dir / "run" / f"{name}.ready"))


async def _worker(place: Place, registry_url: str, conf: Settings, ready_file: Path) -> None:
    ensure_topics(place.bootstrap, TOPICS.values(), conf.kafka_replicas)
    names = [*(each.name for each in DECIDERS if each.state is not None), RelayCore.name]
    ensure_changelogs(place.bootstrap, {changelog(place, name): PARTITIONS for name in names}, conf.kafka_replicas)
    async with Workbench(place, registry_url) as tools:
        stages: list[Any] = [Stage(decider, tools) for decider in DECIDERS]
        Leases(next(each for each in stages if each.name == Accounts.name), tools)
        keys = {name: key.get_secret_value() for name, key in conf.model_keys.items()}
        detector = Detector()
        answers = AnswerCache(place.folder / "answers.db")
        stages.append(RelayCore(Models(conf.model_api_base, keys), detector, tools, answers=answers))
        try:
            await serve(stages, ready_file)
        finally:
            await detector.close()
            await answers.close()


class Workbench:
    """What stages need, opened and closed together."""

    def __init__(self, place: Place, registry_url: str) -> None:
        self._place = place
        self._registry = Registry(registry_url)

    async def __aenter__(self) -> Tools:
        codec = await asyncio.to_thread(self._registry.codec)
        definitions = Definitions()
        self._follower = following(definitions, self._place.bootstrap, codec)
        await self._follower.start()
        self._publisher = KafkaPublisher(self._place.bootstrap, "auterity-worker")

        async def refresh(topic: str) -> None:
            await asyncio.to_thread(self._registry.refresh, codec, [topic])

        return Tools(
            self._place,
            codec,
            self._publisher,
            KafkaLog(self._place.bootstrap),
            definitions,
            refresh,
            self._follower.catch_up,
        )

    async def __aexit__(self, *_: object) -> None:
        self._follower.stop()
        await self._publisher.close()
        self._registry.close()


async def serve(stages: Sequence[Watched], ready_file: Path) -> None:
    """Runs the stages until SIGTERM or SIGINT, then lets them finish what they hold within their time.

    The file is there while they run; a watchdog ends the process when one of them does not get on.
    """
    ready_file.unlink(missing_ok=True)  # of a process that was killed
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await asyncio.gather(*(stage.app.start() for stage in stages))
    settled()
    async with Watchdog(stages):
        log.info("ready", extra={"stages": [stage.name for stage in stages]})
        ready_file.parent.mkdir(parents=True, exist_ok=True)
        ready_file.touch()
        trimming = asyncio.create_task(trimmed())
        await stop.wait()
        trimming.cancel()
    ready_file.unlink(missing_ok=True)
    log.info("stopping")
    try:
        async with asyncio.timeout(DRAIN_S):
            await asyncio.gather(*(stage.app.stop() for stage in stages))
    except TimeoutError:
        log.warning("stages did not stop in time", extra={"seconds": DRAIN_S})
        logging.shutdown()
        os._exit(0)  # what is not committed is done again
