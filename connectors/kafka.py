"""Kafka through librdkafka: an idempotent publisher, a reader of whole topics, and what an administrator does."""

import asyncio
import threading
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
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from schemas.catalogue import DEAD_LETTER_BYTES_MAX, Topic
from schemas.errors import Rejected, Unavailable
from schemas.record import Outgoing, Record

REQUEST_TIMEOUT_S = 10.0
DELIVERY_TIMEOUT_S = 30.0
"""After this time without an acknowledgement a record counts as not written."""
QUEUE_MESSAGES_MAX = 200_000
READ_BATCH = 5000
REWIND_WAIT_S = 30.0
PASSING = frozenset(
    {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}
)
"""What Kafka answers for a moment while partitions are made or moved."""


class KafkaUnavailable(Unavailable):
    """Kafka does not answer."""


class TopicMismatch(Rejected):
    """A topic is there, but not as the catalogue says."""


class KafkaPublisher:
    """Writes records with acks of all in-sync replicas, idempotent, murmur2 as Java clients do. Thread-safe.

    At most 200,000 records wait in the queue; a publish that finds it full waits. Close it: it owns a thread.
    """

    def __init__(self, bootstrap: str, client_id: str) -> None:
        self._bootstrap = bootstrap
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": client_id,
                "enable.idempotence": True,
                "partitioner": "murmur2",
                "linger.ms": 2,
                "batch.size": 1_000_000,
                "message.max.bytes": DEAD_LETTER_BYTES_MAX,
                "queue.buffering.max.messages": QUEUE_MESSAGES_MAX,
                "queue.buffering.max.kbytes": 262_144,
                "delivery.timeout.ms": int(DELIVERY_TIMEOUT_S * 1000),
                "topic.metadata.propagation.max.ms": 3000,  # topics are created, and listed, before anyone writes
                "log_level": 2,
            },
            logger=_silent(),
        )
        self._closed = False
        self._poller = threading.Thread(target=self._poll, name=f"{client_id}-acks", daemon=True)
        self._poller.start()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """See domain.ports.Publisher."""
        batch = _Batch(len(records), asyncio.get_running_loop())
        for record in records:
            await self._produce(batch, record.topic, record.key, record.value, headers=list(record.headers))
        await batch.acknowledged(self._bootstrap)

    async def append(self, topic: str, partition: int, pairs: Sequence[tuple[bytes, bytes | None]]) -> int:
        """See domain.ports.Publisher."""
        batch = _Batch(len(pairs), asyncio.get_running_loop())
        for key, value in pairs:
            await self._produce(batch, topic, key, value, partition=partition)
        return await batch.acknowledged(self._bootstrap)

    def close(self) -> None:
        """Sends what is queued, at most for the delivery timeout, and ends the thread."""
        self._producer.flush(DELIVERY_TIMEOUT_S)
        self._closed = True
        self._poller.join()

    async def _produce(self, batch: "_Batch", topic: str, key: bytes, value: bytes | None, **options: Any) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=batch.delivered, **options)
            except BufferError:
                await asyncio.sleep(0.005)
            except KafkaException as error:
                raise KafkaUnavailable(f"{topic}: {error.args[0].str()}") from error
            else:
                return

    def _poll(self) -> None:
        while not self._closed:
            self._producer.poll(0.1)


class _Batch:
    """The acknowledgements of one publish, counted on librdkafka's thread and awaited on the caller's loop."""

    def __init__(self, count: int, loop: asyncio.AbstractEventLoop) -> None:
        self._left = count
        self._loop = loop
        self._done: asyncio.Future[None] = loop.create_future()
        self._error: KafkaError | None = None
        self._topic = ""
        self._last = -1
        if not count:
            self._done.set_result(None)

    def delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._error, self._topic = error, str(message.topic())
        else:
            self._last = max(self._last, message.offset() or 0)
        self._left -= 1
        if not self._left and not self._loop.is_closed():  # closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)

    async def acknowledged(self, bootstrap: str) -> int:
        await self._done
        if self._error is not None:
            raise KafkaUnavailable(f"{self._topic} on Kafka at {bootstrap}: {self._error.str()}")
        return self._last


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
    """Creates the missing changelogs (name to partitions): compacted, the only topics that forget."""
    config = {"cleanup.policy": "compact", "min.insync.replicas": str(max(1, replicas - 1))}
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
    deadline = time.monotonic() + DELIVERY_TIMEOUT_S
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
    """Returns what the consumer group has committed: the next offset it would read, by topic and partition."""
    admin = _admin(bootstrap)
    future = admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group)], request_timeout=REQUEST_TIMEOUT_S
    )[group]
    try:
        answer = future.result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return {}
        raise KafkaUnavailable(f"Kafka at {bootstrap}: {error.args[0].str()}") from error
    return {(each.topic, each.partition): each.offset for each in answer.topic_partitions if each.offset >= 0}


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
    headers: Any = message.headers() or []
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
