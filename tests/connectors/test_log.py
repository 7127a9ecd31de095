"""The log for who looks at it: the same from memory and from Kafka, by place, by time and by key."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.log import KafkaBrowser
from connectors.publisher import KafkaPublisher
from connectors.reader import read_all
from domain.ports import LogBrowser
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.record import Outgoing, Record
from tests.domain.events import business
from tests.gateway.log_browser import ListBrowser

TOPIC = "business-events"


async def written(bootstrap: str, codec: Codec) -> None:
    async with KafkaPublisher(bootstrap, "test-log", 20.0) as publisher:
        for subject in range(30):
            made: Outgoing = codec.encode(business(str(subject), subject=f"case-{subject}"), "test")
            await publisher.publish([made])


@pytest.fixture(params=["memory", "kafka"])
async def browser(request: pytest.FixtureRequest, log: Any, registered: Codec) -> Any:
    await written(log.bootstrap, registered)
    lies = [record for batch in read_all(log.bootstrap, [TOPIC]) for record in batch]
    if request.param == "memory":
        return ListBrowser(lies), lies
    found = KafkaBrowser(log.bootstrap)
    request.addfinalizer(found.close)
    return found, lies


def read(browser: LogBrowser, span: Any) -> Iterator[Record]:
    for batch in browser.read(span):
        yield from batch


async def test_a_browser_reads_by_place_time_and_key(browser: tuple[LogBrowser, list[Record]]) -> None:
    found, lies = browser
    spans = found.spans(TOPIC)
    assert set(spans) == set(range(TOPICS[TOPIC].partitions))
    assert sum(end - begin for begin, end in spans.values()) == len(lies)

    whole = {(TOPIC, number): span for number, span in spans.items() if span[0] < span[1]}
    assert sorted(each.place for each in read(found, whole)) == sorted(each.place for each in lies)
    last = lies[-1]
    (one,) = read(found, {(TOPIC, last.partition): (last.offset, last.offset + 1)})
    assert (one.place, one.key, one.value) == (last.place, last.key, last.value)
    for _ in range(3):  # whoever stops in the middle harms nobody
        next(iter(read(found, whole)))

    middle = sorted(each.timestamp_ms for each in lies)[len(lies) // 2]
    since = found.since(TOPIC, middle)
    later = [each for each in lies if each.offset >= since[each.partition]]
    assert later == [each for each in lies if each.timestamp_ms >= middle]
    assert found.since(TOPIC, int(time.time() * 1000) + 60_000) == {number: end for number, (_, end) in spans.items()}
    assert found.since(TOPIC, 0) == {number: begin for number, (begin, _) in spans.items()}


async def test_a_key_lies_where_publishers_put_it(log: Any, registered: Codec) -> None:
    await written(log.bootstrap, registered)
    found = KafkaBrowser(log.bootstrap)
    lies = [record for batch in read_all(log.bootstrap, [TOPIC]) for record in batch]
    assert [found.partition(TOPIC, each.key or b"") for each in lies] == [each.partition for each in lies]
    found.close()
