"""A Faust app for one stage: named by hand, no web server, no topic made or record sent by Faust itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faust
from msgspec import Struct
from yarl import URL

from schemas.batch import RecordBatch
from schemas.catalogue import PARTITIONS
from streams.raw import Unpack
from streams.transport import RUN_RECORDS_MAX, RunTransport, check_faust

COMMIT_INTERVAL_S = 0.3
POLL_RECORDS_MAX = 4000
RUNS_BUFFERED_MAX = 32
"""Runs waiting in memory for a stage; beyond it the consumer stops fetching the partition."""


class Raw(faust.Schema[Any, Any]):
    """Hands keys and values over as they are, and so never fails."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:
        """Returns the key's bytes."""
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """Returns the run's records."""
        return message.value


class Place(Struct, frozen=True):
    """Where a stage runs: which Kafka, and the folder its tables are kept in."""

    bootstrap: str
    folder: Path
    prefix: str = "auterity"
    """Begins the name of every consumer group and changelog."""
    session_timeout_s: float = 10.0
    """A worker that is silent for so long loses its partitions."""
    run_records_max: int = RUN_RECORDS_MAX

    @property
    def journals(self) -> Path:
        """The folder of what the workers of this machine share."""
        return self.folder.parent / "journals"


def group(place: Place, name: str) -> str:
    """Returns the consumer group of the stage of this name."""
    return f"{place.prefix}.{name}"


def changelog(place: Place, name: str) -> str:
    """Returns the changelog topic of the stage's table."""
    return f"{group(place, name)}-changelog"


def stage_app(
    place: Place, name: str, transport: type[RunTransport] = RunTransport, unpack: Unpack = RecordBatch.unpack
) -> faust.App:
    """Returns the Faust app of one stage, which is given records as `unpack` takes them apart; nothing is started."""
    check_faust()
    (place.folder / name).mkdir(parents=True, exist_ok=True)
    brokers = [URL(f"kafka://{each}") for each in place.bootstrap.split(",")]
    app = faust.App(
        group(place, name),
        broker=brokers,
        store="memory://",
        datadir=str(place.folder / name),
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_partitions=PARTITIONS,
        table_standby_replicas=1,  # none are made without Faust's tables; 0 would turn its co-partitioning off
        processing_guarantee="at_least_once",
        stream_wait_empty=True,
        stream_buffer_maxsize=RUNS_BUFFERED_MAX,
        stream_recovery_delay=0.0,
        broker_commit_interval=COMMIT_INTERVAL_S,
        broker_max_poll_records=POLL_RECORDS_MAX,
        broker_session_timeout=place.session_timeout_s,
        broker_heartbeat_interval=min(1.0, place.session_timeout_s / 6),
        broker_request_timeout=30.0,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=5000,
        consumer_max_fetch_size=transport.fetch_bytes,
        producer_request_timeout=30.0,
        reply_create_topic=False,
    )
    made = transport(brokers, app, loop=app.loop)
    made.run_records_max = place.run_records_max
    made.unpack = unpack
    app.transport = made
    return app


def subscribe(app: faust.App, topics: Sequence[str]) -> Any:
    """Returns the channel over these topics whose events are runs."""
    return app.topic(*topics, schema=Raw(key_type=bytes, value_type=bytes), partitions=PARTITIONS)
