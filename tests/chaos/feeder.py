"""Writes what the oracle makes; remembers where what is no good came to lie."""

import threading
import time
from collections.abc import Callable, Iterable
from hashlib import sha256

from confluent_kafka import KafkaError, Message, Producer

from schemas.codec import Codec
from schemas.events import Event
from schemas.record import Outgoing

Delivered = Callable[[KafkaError | None, Message], None]

DELIVERY_S = 900
"""Longer than any outage: a record that is fed is on the log, once."""


class Feeder:
    """An idempotent producer, and what it was acknowledged."""

    def __init__(self, bootstrap: str, codec: Codec) -> None:
        self.acknowledged = 0
        self.bad: dict[tuple[str, int, int], str] = {}
        """Place of each record that nobody can read, and the digest of its value."""
        self.poisoned: dict[tuple[str, int, int], str] = {}
        """The same of each record at which the stage fails."""
        self._codec = codec
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "partitioner": "murmur2",
                "linger.ms": 5,
                "batch.size": 1_000_000,
                "message.max.bytes": 12 * 1024 * 1024,
                "queue.buffering.max.kbytes": 262_144,
                "delivery.timeout.ms": DELIVERY_S * 1000,
                "log_level": 0,
            }
        )
        self._thread: threading.Thread | None = None
        self._failed: KafkaError | None = None

    def start(self, events: Iterable[Event], rate: float = 0.0) -> None:
        """Writes on a thread, `rate` a second at most (0: as fast as it goes)."""
        self._thread = threading.Thread(target=self.write, args=(events, rate), name="feeder", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Returns when the thread is through and everything is acknowledged."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.flush()

    @property
    def through(self) -> bool:
        """True when the thread has nothing left to write."""
        return self._thread is None or not self._thread.is_alive()

    def write(self, events: Iterable[Event], rate: float = 0.0) -> None:
        """Writes the events."""
        began = time.monotonic()
        for number, event in enumerate(events):
            if rate and number % 50 == 0:
                time.sleep(max(0.0, began + number / rate - time.monotonic()))
            self.write_record(self._codec.encode(event, "chaos"))

    def write_record(self, record: Outgoing) -> None:
        """Writes a record as it is."""
        self._produce(record, self._good)

    def write_bad(self, record: Outgoing) -> None:
        """Writes a record that nobody can read."""
        self._produce(record, self._placing(record, self.bad))

    def write_poisoned(self, event: Event) -> None:
        """Writes an event at which the stage fails."""
        record = self._codec.encode(event, "chaos")
        self._produce(record, self._placing(record, self.poisoned))

    def flush(self) -> None:
        """Returns when everything written is acknowledged."""
        while self._producer.flush(1.0):
            pass
        if self._failed is not None:
            raise RuntimeError(f"a record could not be fed: {self._failed.str()}")

    def _produce(self, record: Outgoing, delivered: Delivered) -> None:
        while True:
            try:
                self._producer.produce(
                    record.topic, record.value, record.key, headers=list(record.headers), on_delivery=delivered
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _placing(self, record: Outgoing, places: dict[tuple[str, int, int], str]) -> Delivered:
        digest = sha256(record.value).hexdigest()

        def delivered(error: KafkaError | None, message: Message) -> None:
            self._good(error, message)
            if error is None:
                places[record.topic, message.partition() or 0, message.offset() or 0] = digest

        return delivered

    def _good(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed = error
        else:
            self.acknowledged += 1
