"""Writes records to Kafka: batches by partition, idempotent, acknowledged by all in-sync replicas."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2
from aiokafka.structs import RecordMetadata

from connectors.batch_builder import BATCH_BYTES, BatchBuilder
from connectors.kafka import KafkaUnavailable
from schemas.record import Headers, Outgoing

DELIVERY_TIMEOUT_S = 30.0
"""After this time without an acknowledgement a record counts as not written, unless a publisher is told another; the
time to connect is part of it."""
METADATA_TIMEOUT_S = 5.0
"""How long a topic may take to be listed that was made just now."""
KEYS_MAX = 16_384
KEY_BYTES_MAX = 1024
"""Keys whose partition is remembered: how many, and how long ones."""

Place = tuple[str, int]
"""A topic and one of its partitions."""
Content = tuple[bytes, bytes | None, Headers]
"""Key, value and headers of a record."""


class KafkaPublisher:
    """A Publisher. Partitions by murmur2 as Java clients do. Used within one event loop, as a context.

    What a call is given goes out as one batch for each partition, or more when it passes 1 MiB. After an error the
    next call begins with a producer of its own: sequence numbers of records that never arrived are not waited for.
    """

    def __init__(self, bootstrap: str, client_id: str, delivery_timeout_s: float | None = None) -> None:
        self._bootstrap = bootstrap
        self._delivery_timeout_s = delivery_timeout_s or DELIVERY_TIMEOUT_S
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._starting: asyncio.Future[AIOKafkaProducer] | None = None
        self._leaving: set[asyncio.Future[None]] = set()
        self._partitions: dict[str, int] = {}
        self._hashes: dict[bytes, int] = {}
        self._turns: dict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __aenter__(self) -> "KafkaPublisher":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connect(self, within_s: float) -> None:
        """Connects now rather than with the first record, which then need not wait for it; raises Unavailable."""
        await self._started(asyncio.get_running_loop().time() + within_s)

    async def publish(self, records: Sequence[Outgoing]) -> dict[Place, int]:
        """See domain.ports.Publisher."""
        if not records:
            return {}
        until = self._until()
        producer = await self._started(until)
        for topic in {record.topic for record in records} - self._partitions.keys():
            self._partitions[topic] = await self._count(producer, topic, until)
        places: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        partitions, hashes = self._partitions, self._hashes
        for record in records:
            number = hashes.get(record.key)
            if number is None:
                number = self._hash(record.key)
            places[record.topic, number % partitions[record.topic]].append(record)
        contents = [(*place, map(_content, placed)) for place, placed in places.items()]
        sent = await self._send(producer, contents, until)
        return {place: offsets.stop for place, offsets in sent}

    async def append(self, topic: str, partition: int, pairs: Sequence[tuple[bytes, bytes | None]]) -> list[range]:
        """See domain.ports.Publisher."""
        if not pairs:
            return []
        until = self._until()
        producer = await self._started(until)
        contents = ((key, value, ()) for key, value in pairs)
        return [offsets for _, offsets in await self._send(producer, [(topic, partition, contents)], until)]

    async def close(self) -> None:
        """Sends what is under way, and leaves the broker."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self._leaving:
            await asyncio.wait(self._leaving)
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    def _until(self) -> float:
        """Returns when, by the loop's clock, a call that begins now has waited for long enough, all in all."""
        return asyncio.get_running_loop().time() + self._delivery_timeout_s

    async def _send(
        self, producer: AIOKafkaProducer, places: Iterable[tuple[str, int, Iterable[Content]]], until: float
    ) -> list[tuple[Place, range]]:
        """Sends each place's records in order; returns the offsets they got when all are acknowledged."""
        topic = ""
        sent: list[tuple[Place, int, asyncio.Future[RecordMetadata]]] = []
        try:
            async with asyncio.timeout_at(until):  # aiokafka itself would try for ever
                for topic, partition, contents in places:
                    async with self._turns[topic, partition]:  # aiokafka gives up on who waits with many others
                        for batch in _batches(contents):
                            future = await producer.send_batch(batch, topic, partition=partition)
                            sent.append(((topic, partition), batch.record_count(), future))
                await asyncio.wait([future for _, _, future in sent])
            failed = [(name, error) for (name, _), _, future in sent if (error := future.exception()) is not None]
            if failed:
                topic = failed[0][0]
                raise failed[0][1]
        except (KafkaError, TimeoutError) as error:
            self._leave(producer)
            reason = str(error) or f"no acknowledgement within {self._delivery_timeout_s:.0f} s"
            raise KafkaUnavailable(f"{topic} on Kafka at {self._bootstrap}: {reason.splitlines()[0]}") from error
        begins = [(place, future.result().offset, count) for place, count, future in sent]
        return [(place, range(begin, begin + count)) for place, begin, count in begins]

    async def _started(self, until: float) -> AIOKafkaProducer:
        """Returns the producer; all who wait for one to start wait for the same."""
        if self._producer is not None:
            return self._producer
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
            self._starting.add_done_callback(self._has_started)
        try:
            async with asyncio.timeout_at(until):
                return await asyncio.shield(self._starting)
        except TimeoutError:
            reason = f"no answer within {self._delivery_timeout_s:.0f} s"
            raise KafkaUnavailable(f"Kafka at {self._bootstrap} does not answer: {reason}") from None

    async def _start(self) -> AIOKafkaProducer:
        if self._leaving:  # or what the last one holds could arrive behind what this one sends
            await asyncio.wait(self._leaving)
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap.split(","),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=int(self._delivery_timeout_s * 1000),
            metadata_max_age_ms=5000,
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise KafkaUnavailable(f"Kafka at {self._bootstrap} does not answer: {error}") from error
        except asyncio.CancelledError:
            await producer.stop()
            raise
        self._producer = producer
        return producer

    def _has_started(self, starting: "asyncio.Future[AIOKafkaProducer]") -> None:
        self._starting = None
        if not starting.cancelled():
            starting.exception()  # who waited has it; when nobody waits any more it is of no use

    def _leave(self, failed: AIOKafkaProducer) -> None:
        """Leaves a producer that failed, unless somebody else did; nobody but the next one waits until that is done."""
        if self._producer is failed:
            self._producer = None
            leaving = asyncio.ensure_future(self._discard(failed))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _discard(self, producer: Any) -> None:
        """Ends a producer; who waits for something it still holds is told at once."""
        sender = producer._sender.sender_task
        sender.cancel()  # or stop() waits for what is never acknowledged
        await asyncio.wait([sender])
        producer._message_accumulator.fail_all(KafkaError("the producer was left after an error"))
        await producer.stop()

    async def _count(self, producer: AIOKafkaProducer, topic: str, until: float) -> int:
        """Returns how many partitions the topic has."""
        soon = asyncio.get_running_loop().time() + METADATA_TIMEOUT_S
        try:
            async with asyncio.timeout_at(min(soon, until)):
                return len(await producer.partitions_for(topic))
        except (KafkaError, TimeoutError) as error:
            raise KafkaUnavailable(f"{topic} on Kafka at {self._bootstrap}: no such topic") from error

    def _hash(self, key: bytes) -> int:
        """Returns the key's hash, from now on remembered when it is short."""
        found = int(murmur2(key)) & 0x7FFFFFFF
        if len(key) <= KEY_BYTES_MAX:
            if len(self._hashes) >= KEYS_MAX:
                self._hashes.clear()
            self._hashes[key] = found
        return found


def _content(record: Outgoing) -> Content:
    return record.key, record.value, record.headers


def _batches(contents: Iterable[Content]) -> Iterator[Any]:
    batch = BatchBuilder()
    for key, value, headers in contents:
        if not batch.append(key, value, headers):
            yield batch
            batch = BatchBuilder()
            batch.append(key, value, headers)
    if batch.record_count():
        yield batch
