"""The roles that the edge plays for the rest: who publishes, who keeps, who answers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from domain.federation import IdentityProvider, Pending
from schemas.batch import RecordBatch
from schemas.errors import Rejected
from schemas.events import Message
from schemas.record import Outgoing, Record


class Publisher(Protocol):
    """Writes records to topics."""

    async def publish(self, records: Sequence[Outgoing]) -> Mapping[tuple[str, int], int]:
        """Returns when Kafka has acknowledged every record, in order per key; raises Unavailable when one was not.

        What is returned is the offset behind the last one, by topic and partition. After an error any of the records
        may or may not be on the log.
        """

    async def append(self, topic: str, partition: int, pairs: Sequence[tuple[bytes, bytes | None]]) -> Sequence[range]:
        """Writes keys and values to one partition, in order; returns the offsets they got when all are acknowledged.

        Offsets that do not follow each other say that somebody else wrote in between.
        """


class LogReader(Protocol):
    """Reads topics by place, outside any consumer group. Both methods block: for a thread."""

    def read(self, topic: str, partition: int, begin: int, end: int) -> Iterator[Sequence[Record]]:
        """Yields what lies on the offsets [begin, end), in order; raises Unavailable."""

    def ends(self, topic: str) -> dict[int, int]:
        """Returns the next offset of each partition; raises Unavailable."""


class Refused(Struct, frozen=True):
    """A record that a sink cannot keep, and why."""

    record: Record
    error: Rejected


class Sink(Protocol):
    """A place where records rest. Writing a record again changes nothing that a reader sees."""

    topics: tuple[str, ...]

    def write(self, records: Sequence[Record]) -> Sequence[Refused]:
        """Keeps the records of any mix of topics, and returns those it cannot keep; all others are durable then.

        Raises Unavailable when the place does not answer: nothing may be acknowledged then. Blocks: for a thread.
        """


@runtime_checkable
class BatchSink(Sink, Protocol):
    """A sink that can take record batches whole."""

    def write_batches(self, batches: Sequence[RecordBatch]) -> Sequence[Refused]:
        """As `write`, for the records in these batches."""


class Answer(Struct, frozen=True, kw_only=True):
    """What a model said, and what it took."""

    text: str
    input_tokens: int
    output_tokens: int
    degraded: bool = False


class ModelProvider(Protocol):
    """Asks models."""

    async def complete(self, model: str, messages: Sequence[Message], max_tokens: int, call_id: str) -> Answer:
        """Returns the answer of one attempt; raises Unavailable when another attempt may work, else Rejected.

        `model` is LiteLLM's name of it; `call_id` is the idempotency key where the far side honours one.
        """


class OpenId(Protocol):
    """Reaches identity providers that speak OpenID Connect.

    Everything raises Unavailable when the provider does not answer in time, and Rejected when it answers something else
    than it should.
    """

    async def address(self, provider: IdentityProvider, pending: Pending, callback: str) -> str:
        """Returns the address to which a browser is sent to log in."""

    async def redeemed(
        self, provider: IdentityProvider, pending: Pending, callback: str, code: str, secret: str
    ) -> str:
        """Returns the ID token that the provider gives for the code, which is worth nothing afterwards."""

    async def keys(self, provider: IdentityProvider, fresh: bool) -> bytes:
        """Returns the provider's keys as a JWKS, asked for anew (within limits) when `fresh`."""
