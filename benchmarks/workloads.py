"""The workloads and who runs them, as data."""

from msgspec import Struct

OURS = "auterity"
PEERS = ("faust", "quix-streams", "bytewax", "kafka-streams", "chdb", "librdkafka")
AT_LEAST_ONCE = "at least once; outputs acknowledged by all replicas"


class Row(Struct, frozen=True, kw_only=True):
    """One who does the workload. `share` is the part of the events it is given: slow ones get the first of them."""

    who: str
    peer: str
    """Whose program runs; ours for the rows that are ours."""
    compared: bool = True
    """False: for information; it gives no ratio."""
    share: float = 1.0
    variant: str = ""
    events_max: int = 1_000_000_000
    guarantees: str


class Workload(Struct, frozen=True, kw_only=True):
    """The same work for every row."""

    name: str
    what: str
    topic: str
    outputs: tuple[str, ...] = ()
    """Topics that hold one record for each event afterwards."""
    share: float = 1.0
    """How many times the run's events are loaded for it."""
    weight: int
    """Its part of the time, beside the others'."""
    rows: tuple[Row, ...]


OUR_GUARANTEES = (
    "effectively once: digest checked, outputs sealed, ids derived, idempotent producer, prefix commit after all of it"
)

WORKLOADS = (
    Workload(
        name="decode-and-route",
        what="decode a business event, build a request or a step of it by its type, write it to that topic",
        topic="business-events",
        outputs=("requests", "agent-steps"),
        share=2.0,
        weight=6,
        rows=(
            Row(who=OURS, peer=OURS, guarantees=OUR_GUARANTEES),
            Row(who="kafka-streams", peer="kafka-streams", guarantees=f"{AT_LEAST_ONCE}, idempotent producer"),
            Row(
                who="quix-streams",
                peer="quix-streams",
                share=0.2,
                guarantees=f"{AT_LEAST_ONCE}, idempotent producer, commit every 5 s after a flush",
            ),
            Row(who="bytewax", peer="bytewax", share=0.2, guarantees=f"{AT_LEAST_ONCE}; offsets in SQLite every 10 s"),
            Row(
                who="faust",
                peer="faust",
                share=0.05,
                guarantees="may lose events: commits do not wait for sends that fail, and pass over failed events",
            ),
            Row(
                who="librdkafka raw consume", peer="librdkafka", compared=False, guarantees="none: reads, keeps nothing"
            ),
            Row(
                who="codec with headers and digest",
                peer=OURS,
                compared=False,
                variant="sealed",
                events_max=20_000,
                guarantees="the price of headers: one event encoded and decoded, as our stages do",
            ),
            Row(
                who="codec without headers and digest",
                peer=OURS,
                compared=False,
                variant="bare",
                events_max=20_000,
                guarantees="the price of headers: the same, value only",
            ),
        ),
    ),
    Workload(
        name="keyed-total",
        what="a running count and sum for each of 10,000 subjects, in state with a durable changelog",
        topic="business-events",
        weight=5,
        rows=(
            Row(who=OURS, peer=OURS, guarantees=f"{OUR_GUARANTEES}; changelog acknowledged before each commit"),
            Row(
                who="kafka-streams",
                peer="kafka-streams",
                guarantees="at least once: a crash counts again; RocksDB, changelog written from its cache at a commit",
            ),
            Row(
                who="quix-streams",
                peer="quix-streams",
                share=0.2,
                guarantees="at least once: a crash may count again; RocksDB, changelog flushed before a commit",
            ),
            Row(
                who="bytewax",
                peer="bytewax",
                share=0.5,
                guarantees="its state once, in SQLite every 10 s; no changelog on Kafka: state is lost with the disk",
            ),
            Row(
                who="faust",
                peer="faust",
                share=0.1,
                guarantees="may lose and may count again; RocksDB, changelog not awaited",
            ),
        ),
    ),
    Workload(
        name="decision",
        what="the platform's compliance decision on requested steps, under the dealership's rules",
        topic="agent-steps",
        outputs=("compliance-decisions",),
        share=0.25,
        weight=4,
        rows=(
            Row(who=OURS, peer=OURS, guarantees=OUR_GUARANTEES),
            Row(who="quix-streams", peer="quix-streams", share=0.4, guarantees=AT_LEAST_ONCE),
            Row(who="bytewax", peer="bytewax", share=0.4, guarantees=AT_LEAST_ONCE),
            Row(who="faust", peer="faust", share=0.2, guarantees="may lose events"),
        ),
    ),
    Workload(
        name="to-clickhouse",
        what="the topic into a ReplacingMergeTree of ClickHouse's embedded engine, each insert synced to the disk",
        topic="business-events",
        share=6.0,
        weight=2,
        rows=(
            Row(
                who=OURS,
                peer=OURS,
                guarantees="from Kafka; digest, ids and end of each body checked; first copy kept; commit after it",
            ),
            Row(who="chdb", peer="chdb", guarantees="no Kafka, no check: ready containers in memory"),
            Row(
                who="chdb, plain MergeTree",
                peer="chdb",
                compared=False,
                variant="plain MergeTree",
                guarantees="as chdb, not sorted, no version, not synced",
            ),
        ),
    ),
    Workload(
        name="replay",
        what="read the topic again, frame and digest of every record checked, nothing decoded",
        topic="business-events",
        share=4.0,
        weight=1,
        rows=(
            Row(who=OURS, peer=OURS, guarantees="every record is one that was sealed"),
            Row(who="librdkafka", peer="librdkafka", guarantees="none: messages are received, not looked at"),
        ),
    ),
)
