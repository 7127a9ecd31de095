"""The flow on a real Kafka, in a worker of its own, killed and fed with what cannot be read."""

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.kafka import committed
from domain.replay import Bounds
from runtime.replay import verify
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.events import CallStatus, RequestKind, RunStatus, StepStatus
from tests.harness import Worker, business_event, define, events, feed, raw, records


def test_the_first_event_of_a_subject_starts_a_run_and_the_later_ones_are_attached_to_it(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    define(log)
    fed = [business_event(number, f"case-{number % 5}") for number in range(20)]
    feed(log, [registered.encode(each, "test") for each in fed])

    with Worker(log, prefix, tmp_path) as worker:
        worker.settle()

    requests = events(log, registered, "requests")
    assert Counter(each.kind for each in requests) == {RequestKind.RUN: 5, RequestKind.ATTACHMENT: 15}
    runs = {each.run_id: each.correlation_id for each in requests if each.kind is RequestKind.RUN}
    assert all(runs[each.run_id] == each.correlation_id for each in requests)
    assert Counter(each.status for each in events(log, registered, "workflow-runs")) == {
        RunStatus.STARTED: 5,
        RunStatus.COMPLETED: 5,
    }
    steps = events(log, registered, "agent-steps")
    assert Counter(each.status for each in steps) == {
        StepStatus.REQUESTED: 15,
        StepStatus.PERFORMED: 15,
        StepStatus.COMPLETED: 15,
    }
    calls = events(log, registered, "ai-calls")
    assert Counter(each.status for each in calls)[CallStatus.COMPLETED] == 5
    assert all(each.degraded for each in calls if each.status is CallStatus.COMPLETED)
    assert all("Ada" not in str(each.messages) for each in calls)


def test_a_worker_killed_at_any_moment_loses_nothing_and_does_nothing_twice(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    seed = 20260321
    chance = random.Random(seed)
    define(log)
    fed = [business_event(number, f"case-{number // 4}") for number in range(3000)]
    worker = Worker(log, prefix, tmp_path)
    with worker:
        for begin in range(0, len(fed), 750):
            feed(log, [registered.encode(each, "test") for each in fed[begin : begin + 750]])
            time.sleep(chance.uniform(0.2, 2.5))
            worker.kill()
            worker.start()
        worker.settle(120)

    runs = events(log, registered, "workflow-runs")
    assert Counter(each.status for each in runs) == {RunStatus.STARTED: 750, RunStatus.COMPLETED: 750}, seed
    requests = events(log, registered, "requests")
    assert len(requests) == 3000
    completed = [each for each in events(log, registered, "ai-calls") if each.status is CallStatus.COMPLETED]
    assert len(completed) == len({each.call_id for each in completed}) == 750
    verdict = verify(log.bootstrap, prefix, registered, Bounds())
    assert (verdict.differences, verdict.pending) == ([], 0), seed
    ids = {each.event_id for topic in TOPICS for each in events(log, registered, topic)}
    causes = {each.causation_id for topic in TOPICS for each in events(log, registered, topic)}
    assert causes - ids == {None}


def test_everything_delivered_again_changes_no_event(log: Any, registered: Codec, prefix: str, tmp_path: Path) -> None:
    define(log)
    fed = [business_event(number, f"case-{number % 40}") for number in range(200)]
    feed(log, [registered.encode(each, "test") for each in fed])
    with Worker(log, prefix, tmp_path) as worker:
        worker.settle()
        assert worker.stop() == 0
        before = {topic: {each.event_id for each in events(log, registered, topic)} for topic in TOPICS}
        _forget(log.bootstrap, prefix)
        worker.start()
        worker.settle()

    assert {topic: {each.event_id for each in events(log, registered, topic)} for topic in TOPICS} == before


def test_a_worker_without_its_disk_takes_its_state_from_the_changelog(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    define(log)
    first = [business_event(number, f"case-{number}") for number in range(50)]
    feed(log, [registered.encode(each, "test") for each in first])
    with Worker(log, prefix, tmp_path / "one") as worker:
        worker.settle()
        worker.stop()
    later = [business_event(number + 1000, f"case-{number}") for number in range(50)]
    feed(log, [registered.encode(each, "test") for each in later])
    with Worker(log, prefix, tmp_path / "two") as worker:
        worker.settle()

    requests = events(log, registered, "requests")
    assert Counter(each.kind for each in requests) == {RequestKind.RUN: 50, RequestKind.ATTACHMENT: 50}


def test_what_cannot_be_read_or_decided_is_a_dead_letter_with_its_bytes_and_the_rest_goes_on(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    define(log)
    good = [registered.encode(business_event(number, f"case-{number}"), "test") for number in range(30)]
    nobody = registered.encode(business_event(99, "lost", workflow="no-such-workflow"), "test")
    cut = raw("business-events", b"k", good[0].value[:-1])
    longer = raw("business-events", b"k", good[1].value + b"\0\0\0", [("authorization", b"secret"), ("trace", b"7")])
    noise = raw("business-events", b"k", b"\xff" * 300)
    empty = raw("business-events", b"k", b"")
    unsealed = raw("requests", b"k", registered.encode(business_event(3, "x"), "test").value)
    bad = [cut, longer, noise, empty, nobody, unsealed]
    mixed = [each for pair in zip(good[:6], bad, strict=True) for each in pair] + good[6:]
    feed(log, mixed)

    with Worker(log, prefix, tmp_path) as worker:
        worker.settle()
        assert "crashed" not in worker.log()

    runs = events(log, registered, "workflow-runs")
    assert Counter(each.status for each in runs)[RunStatus.COMPLETED] == 30
    letters = events(log, registered, "dead-letters")
    assert {each.source_value for each in letters} == {each.value for each in bad}
    places = {(each.topic, each.partition, each.offset): each for each in records(log, "business-events", "requests")}
    for letter in letters:
        source = places[letter.source_topic, letter.source_partition, letter.source_offset]
        assert (letter.source_key, letter.source_value) == (source.key, source.value)
        assert letter.reason and "\n" not in letter.reason
        names = {header.name for header in letter.source_headers}
        assert names == {name for name, _ in source.headers} - {"authorization"}
    lost = next(each for each in letters if each.source_value == nobody.value)
    assert (lost.error, lost.reason, lost.tenant_id) == (
        "UnknownDefinition",
        "unknown workflow no-such-workflow",
        "acme",
    )
    assert {each.tenant_id for each in letters if each is not lost} == {"platform"}


def test_a_stage_stopped_by_sigterm_commits_what_it_finished_and_ends(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    define(log)
    feed(log, [registered.encode(business_event(n, f"case-{n}"), "test") for n in range(100)])
    with Worker(log, prefix, tmp_path) as worker:
        worker.settle()
        assert worker.stop() == 0
    assert sum(committed(log.bootstrap, f"{prefix}.triggers").values()) == 100


def _forget(bootstrap: str, prefix: str) -> None:
    """Sets every group of the worker back to the beginning."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for stage in ("triggers", "workflows", "compliance", "steps", "ai-calls"):
        group = f"{prefix}.{stage}"
        places = [TopicPartition(*place, 0) for place in committed(bootstrap, group)]
        admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])[group].result()
