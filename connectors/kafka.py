"""What an administrator does on Kafka, through librdkafka: topics, offsets, groups."""

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from schemas.catalogue import DEAD_LETTER_BYTES_MAX, Topic
from schemas.errors import LogUnavailable, Rejected

REQUEST_TIMEOUT_S = 10.0
CREATE_TIMEOUT_S = 30.0
REWIND_WAIT_S = 30.0
PASSING_S = 0.1
PASSING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError._NOENT,  # what librdkafka says when no partition that it asked for has a leader
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError._TIMED_OUT,
    }
)
"""What Kafka answers for a moment while partitions or coordinators are made or moved, or a broker comes back."""


class KafkaUnavailable(LogUnavailable):
    """Kafka does not answer."""


class TopicMismatch(Rejected):
    """A topic is there, but not as the catalogue says."""


def ready(bootstrap: str, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
    """Raises KafkaUnavailable unless a broker answers within the time."""
    try:
        _admin(bootstrap).list_topics(timeout=timeout_s)
    except KafkaException as error:
        raise KafkaUnavailable(f"Kafka at {bootstrap} does not answer: {error.args[0].str()}") from error


def cluster(bootstrap: str) -> str:
    """Returns the id that a Kafka cluster was given when it was made; raises KafkaUnavailable."""
    try:
        return str(_admin(bootstrap).list_topics(timeout=REQUEST_TIMEOUT_S).cluster_id)
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
    return Ends(bootstrap).all(topics)


def begins(bootstrap: str, topics: Iterable[str]) -> dict[tuple[str, int], int]:
    """Returns the first offset of every partition of the topics that exist."""
    return _Offsets(bootstrap).all(topics, OffsetSpec.earliest())  # type: ignore[no-untyped-call]


def offsets_since(bootstrap: str, topic: str, moment_ms: int) -> dict[int, int]:
    """Returns by partition the first offset that was appended then or later, -1 for none; raises KafkaUnavailable."""
    admin = _admin(bootstrap)
    which = OffsetSpec.for_timestamp(moment_ms)
    places = [TopicPartition(topic, number) for number in range(_topics(admin, bootstrap).get(topic, 0))]
    if not places:
        return {}
    futures = admin.list_offsets(dict.fromkeys(places, which), request_timeout=REQUEST_TIMEOUT_S)
    try:
        return {place.partition: future.result().offset for place, future in futures.items()}
    except KafkaException as error:
        raise KafkaUnavailable(f"Kafka at {bootstrap}: {error.args[0].str()}") from error


class Ends:
    """Asks for ends again and again over one connection; from any thread."""

    def __init__(self, bootstrap: str) -> None:
        self._offsets = _Offsets(bootstrap)

    def of(self, topic: str, partitions: int) -> dict[int, int]:
        """Returns the next offset of the first partitions of a topic, which are there, as the broker says now."""
        places = [TopicPartition(topic, number) for number in range(partitions)]
        found = self._offsets.of({place: OffsetSpec.latest() for place in places})  # type: ignore[no-untyped-call]
        return {partition: end for (_, partition), end in found.items()}

    def all(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """Returns the next offset of every partition of the topics that exist; raises KafkaUnavailable."""
        return self._offsets.all(topics, OffsetSpec.latest())  # type: ignore[no-untyped-call]


class _Offsets:
    """What both ask with. The administrator is made anew when an answer will pass: librdkafka's keeps the leaders that
    it has learnt for minutes, those too that the broker calls out of date."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = _admin(bootstrap)

    def all(self, topics: Iterable[str], which: OffsetSpec) -> dict[tuple[str, int], int]:
        existing = _topics(self._admin, self._bootstrap)
        return self.of(
            {TopicPartition(name, number): which for name in topics for number in range(existing.get(name, 0))}
        )

    def of(self, wanted: dict[TopicPartition, OffsetSpec]) -> dict[tuple[str, int], int]:
        deadline = time.monotonic() + REQUEST_TIMEOUT_S
        while wanted:
            admin = self._admin  # held, as another thread may put a new one there
            futures = admin.list_offsets(wanted, request_timeout=REQUEST_TIMEOUT_S)
            try:
                found = {(each.topic, each.partition): future.result().offset for each, future in futures.items()}
                if min(found.values()) < 0:  # what librdkafka says of a partition that it heard nothing of in time
                    raise KafkaUnavailable(f"Kafka at {self._bootstrap} does not say where its topics end")
                return found
            except KafkaException as error:
                if not _passes({error.args[0].code()}, deadline):
                    raise KafkaUnavailable(f"Kafka at {self._bootstrap}: {error.args[0].str()}") from error
                self._admin = _admin(self._bootstrap)
        return {}


def committed(bootstrap: str, group: str) -> dict[tuple[str, int], int]:
    """Returns what the consumer group has committed: the next offset it would read, by topic and partition."""
    with closing(Commits(bootstrap, group)) as commits:
        return commits.of(commits.places())


class Commits:
    """Asks for what a consumer group has committed, again and again over one connection.

    Asked by a consumer that never joins: librdkafka's administrator ends the process with a segmentation fault when
    the group's coordinator has moved (https://github.com/confluentinc/librdkafka/issues/5040).
    """

    def __init__(self, bootstrap: str, group: str) -> None:
        self._bootstrap = bootstrap
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 2},
            logger=_silent(),
        )

    def places(self) -> list[tuple[str, int]]:
        """Returns every partition of every topic that is no part of Kafka itself; raises KafkaUnavailable."""
        try:
            topics = self._consumer.list_topics(timeout=REQUEST_TIMEOUT_S).topics
        except KafkaException as error:
            raise self._unavailable(error) from error
        return [
            (name, number) for name, topic in topics.items() if not name.startswith("__") for number in topic.partitions
        ]

    def of(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Returns the next offset that the group would read, of those places that it has committed at all.

        Raises KafkaUnavailable.
        """
        asked = [TopicPartition(*place) for place in places]
        try:
            answer = _committed(self._consumer, asked) if asked else []
        except KafkaException as error:
            raise self._unavailable(error) from error
        for each in answer:
            if each.error is not None:
                raise KafkaUnavailable(f"{each.topic} on Kafka at {self._bootstrap}: {each.error.str()}")
        return {(each.topic, each.partition): each.offset for each in answer if each.offset >= 0}

    def close(self) -> None:
        """Gives the connection back."""
        self._consumer.close()

    def _unavailable(self, error: KafkaException) -> KafkaUnavailable:
        return KafkaUnavailable(f"Kafka at {self._bootstrap}: {error.args[0].str()}")


def _committed(consumer: Consumer, places: list[TopicPartition]) -> list[TopicPartition]:
    deadline = time.monotonic() + REQUEST_TIMEOUT_S
    while True:
        try:
            answer = consumer.committed(places, timeout=REQUEST_TIMEOUT_S)
        except KafkaException as error:
            if not _passes({error.args[0].code()}, deadline):
                raise
        else:
            if not _passes({each.error.code() for each in answer if each.error is not None}, deadline):
                return answer


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


def _topics(admin: AdminClient, bootstrap: str) -> dict[str, int]:
    try:
        metadata = admin.list_topics(timeout=REQUEST_TIMEOUT_S)
    except KafkaException as error:
        raise KafkaUnavailable(f"Kafka at {bootstrap} does not answer: {error.args[0].str()}") from error
    return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}


def _passes(codes: set[int], deadline: float) -> bool:
    """Returns True, after a moment, when one of the codes will pass and there is time to ask again."""
    if not codes & PASSING or time.monotonic() > deadline:
        return False
    time.sleep(PASSING_S)
    return True


def _admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 2}, logger=_silent())


def _silent() -> Any:
    import logging

    logger = logging.getLogger("auterity.librdkafka")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    return logger
