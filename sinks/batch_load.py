"""The INSERT that takes Kafka's record batches as they are: the digest of every record, then its fields.

The same bytes are read twice: each record as one text, whose digest is computed, and field by field. The second reading
must not be led astray by a body that is longer or shorter than its value:

- The first one follows the lengths that Kafka has checked. It finds the mark of the digest (schemas.layout) where it
  belongs and nowhere else in the record; nor across two, as the length of 64 bytes or more begins with none of the
  mark's, and the attributes behind it are 0. So the mark lies there as often as there are records.
- The second one finds the mark in each of its rows, of which there are as many: it ends where each record ends.
- There, what it has read comes to the length of the record only if the body ended where the value does.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from schemas.batch import RecordBatch
from schemas.catalogue import DOOR_BYTES_MAX, ITEMS_MAX, Topic
from schemas.layout import DIGEST_BYTES, MARK, TAIL, Part, layout
from schemas.record import PREFIX
from sinks.engine import literal, name
from sinks.tables import DATABASE, ONE_BLOCK, PLACE, columns, wrong

VALUE_BYTES_MAX = min(DOOR_BYTES_MAX, ITEMS_MAX)
"""A larger value goes through the decoder: it might hold more items than readers take."""
RECORD_BYTES_MIN = 64
"""Ours are larger."""
NO_ATTRIBUTES = b"\0"
DIGESTS_AT_ONCE = 4096
"""Records: what stays in the processor's cache until it is hashed."""


def statement(
    topic: Topic,
    writer: Mapping[str, Any],
    prefix: bytes,
    batches: Sequence[RecordBatch],
    files: Sequence[str],
    database: str = DATABASE,
) -> str:
    """Returns the INSERT; `files` are the paths of `whole` and `decoded` of sinks.kafka_block.

    It fails as a whole when a digest does not hold, a header is another than ours, a body does not end where its
    value does, names another event or tenant than its headers, was written with another schema than `prefix` says,
    or holds what no decoder takes.
    """
    whole, decoded = (literal(file) for file in files)
    fields = columns(writer)
    names = ", ".join(name(each.name) for each in fields)
    structure = ", ".join(f"{name(each.name)} {each.type}" for each in fields)
    headers = ", ".join(_column(part) for part in layout(topic))
    first = f"_length Int64, _time Int64, _delta Int64, _key String, _size Int64, _frame FixedString({PREFIX})"
    unsound = (
        f"SELECT count() FROM file({whole}, 'Avro', '_record String') WHERE NOT ({_sound()})"
        f" SETTINGS max_block_size = {DIGESTS_AT_ONCE}"
    )
    starts = [0, *accumulate(batch.count for batch in batches)][:-1]
    rows = (
        f"SELECT *, roundDown(rowNumberInAllBlocks(), {_array('UInt64', starts)}) AS _start"
        f" FROM file({decoded}, 'Avro', {literal(f'{first}, {structure}, {headers}')})"
    )
    partition, offset, timestamp_ms = (
        f"transform(_start, {_array('UInt64', starts)}, {_array(kind, numbers)}, CAST(-1, '{kind}'))"
        for kind, numbers in (
            ("Int32", [batch.partition for batch in batches]),
            ("Int64", [batch.offset for batch in batches]),
            ("Int64", [batch.timestamp_ms for batch in batches]),
        )
    )
    return (
        f"INSERT INTO {name(database)}.{name(topic.noun + '_log')} ({names}, {', '.join(PLACE)})"
        f" SELECT {names}, {literal(topic.name)}, {partition}, {offset} + _delta,"
        f" fromUnixTimestamp64Milli({timestamp_ms}, 'UTC') FROM ({rows})"
        f" WHERE throwIf(({unsound}) != 0, 'a digest does not hold') = 0"
        f" AND throwIf({_strange(topic)}, 'a record is not as ours are') = 0"
        f" AND throwIf(_frame != {_bytes(prefix)} OR _ce_id != event_id OR _ce_tenantid != tenant_id,"
        " 'headers and body differ') = 0"
        f" AND throwIf({wrong(fields)}, 'a value that no decoder takes') = 0 SETTINGS {ONE_BLOCK}"
    )


def _sound() -> str:
    """Returns what is true of a record whose digest is right and whose only mark stands before it."""
    first = "reinterpretAsUInt64(substring(_record, 2, 8))"  # behind the attributes: its time, its offset, its key
    last = f"bitAnd(bitNot({first}), 0x8080808080808080)"  # the bytes with which numbers end
    second = f"bitAnd({last}, {last} - 1)"
    taken = f"bitShiftRight(bitCount(bitXor({second}, {second} - 1)), 3)"  # bytes up to the second of them
    sealed = f"substring(_record, 2 + {taken}, length(_record) - {TAIL + 1} - {taken})"
    return (
        f"length(_record) >= {RECORD_BYTES_MIN} AND startsWith(_record, {_bytes(NO_ATTRIBUTES)})"
        f" AND position(_record, {_bytes(MARK)}) = length(_record) - {TAIL - 1}"
        f" AND right(_record, {DIGEST_BYTES}) = SHA256({sealed})"
    )


def _strange(topic: Topic) -> str:
    """Returns what is true of a row whose headers are not ours, or whose body does not end where its value does."""
    parts = layout(topic)
    same = sum(part.size for part in parts if part.same is not None)
    said = ["_key", *(part.name for part in parts if part.same is None)]
    taken = [
        f"1 + {same} + _size + {_taken('_time')} + {_taken('_delta')} + {_taken('_size')}",
        *(f"length({each}) + {_taken(f'length({each})')}" for each in said),
    ]
    return " OR ".join(
        [
            *(f"NOT startsWith({part.name}, {_bytes(part.same)})" for part in parts if part.same is not None),
            f"_size > {VALUE_BYTES_MAX}",
            "_time < 0",
            f"_length != {' + '.join(taken)}",
        ]
    )


def _taken(number: str) -> str:
    """Returns how many bytes a number below 2^27 takes, as Avro writes it."""
    return f"1 + ({number} >= 64) + ({number} >= 8192) + ({number} >= 1048576)"


def _column(part: Part) -> str:
    if part.same is None:
        return f"{part.name} String"
    return f"{part.name} FixedString({part.size})"


def _bytes(value: bytes) -> str:
    return f"unhex('{value.hex()}')"


def _array(kind: str, numbers: Sequence[int]) -> str:
    return f"CAST([{', '.join(map(str, numbers))}], 'Array({kind})')"
