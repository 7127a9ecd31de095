"""Kafka through librdkafka: a reader of whole topics, and what an administrator does."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from schemas.catalogue import DEAD_LETTER_BYTES_MAX, Topic
from schemas.errors import Rejected, Unavailable
from schemas.record import Record

REQUEST_TIMEOUT_S = 10.0
CREATE_TIMEOUT_S = 30.0
READ_BATCH = 5000
REWIND_WAIT_S = 30.0
PASSING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError._TIMED_OUT,
    }
)
"""What Kafka answers for a moment while partitions are made or moved, or a broker comes back."""


class KafkaUnavailable(Unavailable):
    """Kafka does not answer."""


class TopicMismatch(Rejected):
    """A topic is there, but not as the catalogue says."""


def ready(bootstrap: str, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
    """Raises KafkaUnavailable unless a broker answers within the time."""
    try:
        _admin(bootstrap).list_topics(timeout=timeout_s)
    except KafkaException as error:
        raise KafkaUnavailable(f"Kafka at {bootstrap} does not answer: {error.args[0].str()}") from error


def ensure_topics(bootstrap: str, topics: Iterable[Topic], replicas: int = 1) -> None:
    """Creates the topics that are missing, as the catalogue says; raises TopicMismatch for other partition counts."""
    wanted = {
        topic.name: NewTopic(
            topic.name,
            num_partitions=topic.partitions,
            replication_factor=replicas,
            config={
                "retention.ms": str(topic.retention_ms),
                "retention.bytes": "-1",
                "cleanup.policy": "delete",
                "message.timestamp.type": "LogAppendTime",
                "max.message.bytes": str(topic.bytes_max),
                "min.insync.replicas": str(max(1, replicas - 1)),
            },
        )
        for topic in topics
    }
    create(bootstrap, wanted)


def ensure_changelogs(bootstrap: str, changelogs: Mapping[str, int], replicas: int = 1) -> None:
    """Creates the missing changelogs (name to partitions): compacted, the only topics that forget.

    What a writer that lost its partition still wrote must be mended before compaction takes it for the newest: the
    owner looks every few seconds, compaction waits for ten minutes.
    """
    config = {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": "600000",
        "min.cleanable.dirty.ratio": "0.2",
        "segment.bytes": str(64 * 1024 * 1024),
        "max.message.bytes": str(DEAD_LETTER_BYTES_MAX),
        "min.insync.replicas": str(max(1, replicas - 1)),
    }
    wanted = {name: NewTopic(name, count, replicas, config=config) for name, count in changelogs.items()}
    create(bootstrap, wanted)


def create(bootstrap: str, wanted: Mapping[str, NewTopic]) -> None:
    """Creates the topics that do not exist yet and waits until the broker lists all of them."""
    admin = _admin(bootstrap)
    existing = _topics(admin, bootstrap)
    for name, new in wanted.items():
        count = existing.get(name)
        if count is not None and count != new.num_partitions:
            raise TopicMismatch(f"topic {name} has {count} partitions, not {new.num_partitions}")
    missing = [new for name, new in wanted.items() if name not in existing]
    if not missing:
        return
    for name, future in admin.create_topics(missing, request_timeout=REQUEST_TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise KafkaUnavailable(f"topic {name} cannot be created: {error.args[0].str()}") from error
    deadline = time.monotonic() + CREATE_TIMEOUT_S
    while not wanted.keys() <= _topics(admin, bootstrap).keys():
        if time.monotonic() > deadline:
            raise KafkaUnavailable(f"Kafka at {bootstrap} does not list the topics it created")
        time.sleep(0.05)


def ends(bootstrap: str, topics: Iterable[str]) -> dict[tuple[str, int], int]:
    """Returns the next offset of every partition of the topics that exist."""
    return _offsets(bootstrap, topics, OffsetSpec.latest())  # type: ignore[no-untyped-call]


def begins(bootstrap: str, topics: Iterable[str]) -> dict[tuple[str, int], int]:
    """Returns the first offset of every partition of the topics that exist."""
    return _offsets(bootstrap, topics, OffsetSpec.earliest())  # type: ignore[no-untyped-call]


def committed(bootstrap: str, group: str) -> dict[tuple[str, int], int]:
    """Returns what the consumer group has committed: the next offset it would read, by topic and partition.

    Asked by a consumer that never joins: librdkafka's administrator ends the process with a segmentation fault when
    the group's coordinator has moved (https://github.com/confluentinc/librdkafka/issues/5040).
    """
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 2},
        logger=_silent(),
    )
    try:
        metadata = consumer.list_topics(timeout=REQUEST_TIMEOUT_S)
        places = [
            TopicPartition(name, number)
            for name, topic in metadata.topics.items()
            if not name.startswith("__")
            for number in topic.partitions
        ]
        answer = consumer.committed(places, timeout=REQUEST_TIMEOUT_S) if places else []
    except KafkaException as error:
        raise KafkaUnavailable(f"Kafka at {bootstrap}: {error.args[0].str()}") from error
    finally:
        consumer.close()
    for each in answer:
        if each.error is not None:
            raise KafkaUnavailable(f"{each.topic} on Kafka at {bootstrap}: {each.error.str()}")
    return {(each.topic, each.partition): each.offset for each in answer if each.offset >= 0}


def rewind(bootstrap: str, group: str, wait_s: float = REWIND_WAIT_S) -> None:
    """Sets what the consumer group has committed back to the beginning of its topics.

    Members that were killed count as there until their session is over: for them it waits.
    """
    admin = _admin(bootstrap)  # held: the futures of a client that is gone never end
    done = committed(bootstrap, group)
    first = begins(bootstrap, {topic for topic, _ in done})
    places = [TopicPartition(*place, first[place]) for place in done if place in first]
    deadline = time.monotonic() + wait_s
    while places:
        request = [ConsumerGroupTopicPartitions(group, places)]
        try:
            answer = admin.alter_consumer_group_offsets(request)[group].result()
        except KafkaException as error:
            reason = error.args[0].str()
        else:
            failed = [each.error.str() for each in answer.topic_partitions if each.error is not None]
            if not failed:
                return
            reason = failed[0]
        if time.monotonic() > deadline:
            raise KafkaUnavailable(f"consumer group {group} cannot be set back: {reason}")
        time.sleep(0.5)


class TopicReader:
    """Reads partitions by place, outside any group. Close it."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = _admin(bootstrap)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "auterity-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.message.max.bytes": DEAD_LETTER_BYTES_MAX,
                "queued.max.messages.kbytes": 65_536,
                "fetch.wait.max.ms": 50,
                "log_level": 2,
            },
            logger=_silent(),
        )

    def read(self, span: Mapping[tuple[str, int], tuple[int, int]], stall_s: float = 30.0) -> Iterator[list[Record]]:
        """Yields batches of records of each partition's offsets [from, to), each partition in order.

        Raises KafkaUnavailable when nothing comes for `stall_s` although records are left.
        """
        left = {place: end for place, (begin, end) in span.items() if begin < end}
        self._consumer.assign([TopicPartition(*place, span[place][0]) for place in left])
        last = time.monotonic()
        while left:
            messages = self._consumer.consume(READ_BATCH, timeout=0.2)
            batch = []
            for message in messages:
                if (error := message.error()) is not None:
                    raise KafkaUnavailable(f"Kafka at {self._bootstrap}: {error.str()}")
                record = _record(message)
                place = (record.topic, record.partition)
                if place in left and record.offset < left[place]:
                    batch.append(record)
                    if record.offset + 1 >= left[place]:
                        del left[place]
            if batch:
                last = time.monotonic()
                yield batch
            elif left:
                self._skip_holes(left)
                if time.monotonic() - last > stall_s:
                    raise KafkaUnavailable(f"Kafka at {self._bootstrap}: no records for {stall_s:.0f} s, {left} left")

    def follow(self, topic: str, partitions: int, stop: Callable[[], bool]) -> Iterator[list[Record]]:
        """Yields batches from the first record on and goes on for ever; an empty batch when nothing came for 1 s."""
        self._consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)])
        while not stop():
            messages = self._consumer.consume(READ_BATCH, timeout=1.0)
            yield [_record(message) for message in messages if message.error() is None]

    def end(self, topic: str, partition: int) -> int:
        """Returns the next offset of the partition, as the broker says now; may be called from any thread."""
        place = TopicPartition(topic, partition)
        return _listed(self._admin, self._bootstrap, {place: OffsetSpec.latest()})[topic, partition]  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Leaves the broker."""
        self._consumer.close()

    def _skip_holes(self, left: dict[tuple[str, int], int]) -> None:
        """Offsets at the end that hold no record (compacted) are not waited for."""
        for position in self._consumer.position([TopicPartition(*place) for place in left]):
            place = (position.topic, position.partition)
            if position.offset >= left[place]:
                del left[place]


class KafkaLog:
    """A LogReader: see domain.ports. Each read has a consumer of its own."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def read(self, topic: str, partition: int, begin: int, end: int) -> Iterator[Sequence[Record]]:
        """See domain.ports.LogReader."""
        reader = TopicReader(self._bootstrap)
        try:
            yield from reader.read({(topic, partition): (begin, end)})
        finally:
            reader.close()

    def ends(self, topic: str) -> dict[int, int]:
        """See domain.ports.LogReader."""
        return {number: end for (_, number), end in ends(self._bootstrap, [topic]).items()}


def read_all(bootstrap: str, topics: Sequence[str]) -> Iterator[list[Record]]:
    """Yields every record that lies on the topics now, in batches; each partition in order."""
    first, last = begins(bootstrap, topics), ends(bootstrap, topics)
    reader = TopicReader(bootstrap)
    try:
        yield from reader.read({place: (first[place], end) for place, end in last.items()})
    finally:
        reader.close()


def _record(message: Message) -> Record:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None and offset is not None
    try:
        headers: Any = message.headers() or []
    except SystemError:  # a header's name that is no text: without its headers the digest does not hold
        headers = []
    return Record(topic, partition, offset, message.timestamp()[1], message.key(), message.value(), headers)


def _topics(admin: AdminClient, bootstrap: str) -> dict[str, int]:
    try:
        metadata = admin.list_topics(timeout=REQUEST_TIMEOUT_S)
    except KafkaException as error:
        raise KafkaUnavailable(f"Kafka at {bootstrap} does not answer: {error.args[0].str()}") from error
    return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}


def _offsets(bootstrap: str, topics: Iterable[str], which: OffsetSpec) -> dict[tuple[str, int], int]:
    admin = _admin(bootstrap)
    existing = _topics(admin, bootstrap)
    wanted = {TopicPartition(name, number): which for name in topics for number in range(existing.get(name, 0))}
    return _listed(admin, bootstrap, wanted)


def _listed(admin: AdminClient, bootstrap: str, wanted: dict[TopicPartition, OffsetSpec]) -> dict[tuple[str, int], int]:
    deadline = time.monotonic() + REQUEST_TIMEOUT_S
    while wanted:
        futures = admin.list_offsets(wanted, request_timeout=REQUEST_TIMEOUT_S)
        try:
            return {(each.topic, each.partition): future.result().offset for each, future in futures.items()}
        except KafkaException as error:
            if error.args[0].code() not in PASSING or time.monotonic() > deadline:
                raise KafkaUnavailable(f"Kafka at {bootstrap}: {error.args[0].str()}") from error
            time.sleep(0.1)  # a partition that was just made or moved has no leader for a moment
    return {}


def _admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 2}, logger=_silent())


def _silent() -> Any:
    import logging

    logger = logging.getLogger("auterity.librdkafka")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    return logger
