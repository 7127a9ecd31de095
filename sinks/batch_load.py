"""The INSERT that takes Kafka's record batches as they are: the digest of every record, then its fields."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.batch import RecordBatch
from schemas.catalogue import DOOR_BYTES_MAX, ITEMS_MAX, Topic
from schemas.layout import DIGEST_BYTES, TAIL, Part, layout
from schemas.record import PREFIX
from sinks.engine import literal, name
from sinks.tables import DATABASE, ONE_BLOCK, PLACE, columns, wrong

FIRST = "_length Int64, _attributes FixedString(1), _time Int64, _delta Int64, _key String"
VALUE_BYTES_MAX = min(DOOR_BYTES_MAX, ITEMS_MAX)
"""A larger value goes through the decoder: it might hold more items than readers take."""

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
    """Returns the INSERT; `files` are the paths of `plain`, `decoded` and `places` of sinks.kafka_block.

    It fails as a whole when a digest does not hold, a header is another than ours, a body does not end where its
    value does, names another event or tenant than its headers, was written with another schema than `prefix` says,
    or holds what no decoder takes.
    """
    plain, decoded, places = (literal(file) for file in files)
    fields = columns(writer)
    names = ", ".join(name(each.name) for each in fields)
    structure = ", ".join(f"{name(each.name)} {each.type}" for each in fields)
    headers = ", ".join(_column(part) for part in layout(topic))
    other = " OR ".join(_differs(part) for part in layout(topic) if part.same is not None)
    sealed = f"SHA256({_sealed(topic)}) != right(_digest, {DIGEST_BYTES})"
    known = "cityHash64(_key, _ce_id, _ce_tenantid, _digest, _delta, _length, {size})"
    rows = (
        f"SELECT groupArray({known.format(size='length(_value)')})"
        f" FROM file({plain}, 'Avro', {literal(f'{FIRST}, _value String, {headers}')})"
        f" WHERE throwIf({other} OR {sealed} OR length(_value) > {VALUE_BYTES_MAX}, 'a record is not as ours are') = 0"
        f" SETTINGS max_block_size = {DIGESTS_AT_ONCE}"
    )
    numbered = (
        f"SELECT *, rowNumberInAllBlocks() + 1 AS _row, (SELECT groupArray(at) FROM file({places}, 'RowBinary',"
        " 'at UInt16'))[_row] AS _at"
        f" FROM file({decoded}, 'Avro',"
        f" {literal(f'{FIRST}, _size Int64, _frame FixedString({PREFIX}), {structure}, {headers}')})"
    )
    return (
        f"INSERT INTO {name(database)}.{name(topic.noun + '_log')} ({names}, {', '.join(PLACE)})"
        f" SELECT {names}, {literal(topic.name)}, {_array('Int32', [each.partition for each in batches])}[_at],"
        f" {_array('Int64', [each.offset for each in batches])}[_at] + _delta,"
        f" fromUnixTimestamp64Milli({_array('Int64', [each.timestamp_ms for each in batches])}[_at], 'UTC')"
        f" FROM ({numbered})"
        f" WHERE throwIf({known.format(size='_size')} != ({rows})[_row], 'a body does not end with its value') = 0"
        f" AND throwIf(_frame != {_bytes(prefix)} OR _ce_id != event_id OR _ce_tenantid != tenant_id,"
        " 'headers and body differ') = 0"
        f" AND throwIf({wrong(fields)}, 'a value that no decoder takes') = 0 SETTINGS {ONE_BLOCK}"
    )


def _column(part: Part) -> str:
    if part.same is None:
        return f"{part.name} String"
    return f"{part.name} FixedString({len(part.same) + (DIGEST_BYTES if part.name == '_digest' else 0)})"


def _differs(part: Part) -> str:
    assert part.same is not None
    return f"NOT startsWith({part.name}, {_bytes(part.same)})"


def _sealed(topic: Topic) -> str:
    """Returns what the digest is over, as schemas.record.seal has it: the record as it lies there, but for the mark."""
    parts = [_number("length(_key)"), "_key", _number("length(_value)"), "_value"]
    for part in layout(topic)[:-1]:
        parts += [part.name] if part.same is not None else [_number(f"length({part.name})"), part.name]
    return f"concat({', '.join(parts)}, left(_digest, -{TAIL}))"


def _number(said: str) -> str:
    """Returns a number below 2^20 as Avro writes it."""
    low, middle, high = (
        f"bitAnd({said}, 63) * 2",
        f"bitAnd(bitShiftRight({said}, 6), 127)",
        f"bitShiftRight({said}, 13)",
    )
    two = f"reinterpretAsFixedString(toUInt16({low} + 128 + {middle} * 256))"
    three = f"left(reinterpretAsFixedString(toUInt32({low} + 128 + ({middle} + 128) * 256 + {high} * 65536)), 3)"
    return f"multiIf({said} < 64, char({said} * 2), {said} < 8192, {two}, {three})"


def _bytes(value: bytes) -> str:
    return f"unhex('{value.hex()}')"


def _array(kind: str, numbers: Sequence[int]) -> str:
    return f"CAST([{', '.join(map(str, numbers))}], 'Array({kind})')"
