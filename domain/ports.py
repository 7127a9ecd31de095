"""The roles that the edge plays for the rest: who publishes, who keeps, who answers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

from domain.federation import IdentityProvider, Pending
from schemas.errors import Rejected, Unavailable
from schemas.events import Message, ToolCall
from schemas.record import Outgoing, Record

if TYPE_CHECKING:
    from schemas.batch import RecordBatch  # it brings what reads Kafka's batches


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


class LogBrowser(Protocol):
    """Reads topics as they are, for who looks at them. Everything blocks (for a thread), and raises Unavailable."""

    def read(self, span: Mapping[tuple[str, int], tuple[int, int]]) -> Iterator[Sequence[Record]]:
        """Yields what lies on the offsets [begin, end) of topics and partitions, each partition in order.

        Where records were deleted it begins with the first that is left.
        """

    def spans(self, topic: str) -> dict[int, tuple[int, int]]:
        """Returns by partition the first offset and the next one; empty when there is no such topic yet."""

    def since(self, topic: str, moment_ms: int) -> dict[int, int]:
        """Returns by partition the offset of the first record that Kafka took then or later; where it ends for none."""

    def partition(self, topic: str, key: bytes) -> int:
        """Returns the partition on which records of this key lie."""


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

    def write_batches(self, batches: Sequence["RecordBatch"]) -> Sequence[Refused]:
        """As `write`, for the records in these batches."""


class Tool(Struct, frozen=True, kw_only=True):
    """A tool that a model may want called."""

    name: str
    description: str
    parameters: str
    """JSON schema, as text, of the object that it takes."""


class Question(Struct, frozen=True, kw_only=True):
    """What a model is asked, once."""

    model: str
    """LiteLLM's name of it, such as `openai/gpt-4o-mini`, or `local`."""
    messages: Sequence[Message]
    max_tokens: int
    idempotency_key: str
    """Sent along for a far side that honours it: the same key for the same attempt only."""
    endpoint: str | None = None
    """The base URL of a server that speaks OpenAI's API; None: the provider's own, or the one in the settings."""
    timeout_s: float = 60.0
    """For the whole of it, the last piece of a stream included."""
    tools: Sequence[Tool] = ()
    answer_schema: str | None = None
    """JSON schema, as text, that the answer must fit."""
    temperature: float | None = None
    """None: the provider's default. Only what is asked at 0 is ever taken from a cache."""
    on_text: Callable[[str], None] | None = None
    """Called with each piece of the text as it comes; what it raises ends the attempt."""


class Answer(Struct, frozen=True, kw_only=True):
    """What a model said, and what it took."""

    text: str
    input_tokens: int
    output_tokens: int
    counted: bool = True
    """False when the provider did not say its usage: the tokens are upper bounds then."""
    degraded: bool = False
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    """Why it ended, in OpenAI's words: stop, length, tool_calls, content_filter."""
    model: str = ""
    """The model as the provider named it."""


class Embedding(Struct, frozen=True, kw_only=True):
    """A vector for each text, in their order."""

    vectors: Sequence[Sequence[float]]
    input_tokens: int
    counted: bool = True
    """False when the provider did not say its usage: the tokens are an upper bound then."""
    model: str = ""
    """The model as the provider named it."""


class ModelUnavailable(Unavailable):
    """An attempt that got no answer; another one, here or at another model, may get one."""

    def __init__(
        self,
        reason: str,
        *,
        billed: bool,
        again: bool = True,
        retry_after_s: float | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.billed = billed
        """Whether the provider may have put it on its bill; False only when it said otherwise or was never reached."""
        self.again = again
        """Whether another attempt at the same model makes sense."""
        self.retry_after_s = retry_after_s
        """How long the provider says to wait; None when it says nothing."""
        self.input_tokens = input_tokens
        """What the provider says it read; None when unknown: then the bill has the upper bound."""
        self.output_tokens = output_tokens
        """What the provider says it wrote; None when unknown."""


class BadAnswer(ModelUnavailable):
    """The model answered, and is paid for it, but the answer cannot be used: none, no JSON, not what was asked for."""


class ModelRefused(Rejected):
    """The provider refuses the call as it is, unbilled: wrong key, wrong name, wrong content."""


class ModelProvider(Protocol):
    """Asks models. Each call is one attempt: nothing is tried again in here."""

    async def ready(self, model: str) -> None:
        """Returns when the model can be asked at once: what takes time the first time is done before an attempt."""

    async def ask(self, question: Question) -> Answer:
        """Returns the answer of one attempt.

        Raises ModelUnavailable when another attempt, here or elsewhere, may work, BadAnswer (one of them) when the
        answer that came is of no use, ModelRefused when this model would refuse the same call again. No error's text
        holds a key, or anything of what was asked or said.
        """

    async def embed(
        self,
        texts: Sequence[str],
        model: str,
        *,
        idempotency_key: str = "",
        endpoint: str | None = None,
        timeout_s: float = 10.0,
    ) -> Embedding:
        """Returns the texts' vectors, all of one length; raises as `ask` does."""


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
