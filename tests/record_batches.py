"""Record batches as a broker would send them."""

import gzip
from collections.abc import Sequence
from struct import pack_into

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from schemas.batch import APPEND_TIME, HEAD, RecordBatch, batches
from schemas.record import Record

GZIP = 1


def as_sent(found: Sequence[Record], attributes: int = APPEND_TIME) -> bytes:
    """Returns the bytes of the batch that a broker would send of these records."""
    builder = DefaultRecordBatchBuilder(
        2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=2**30
    )
    for number, each in enumerate(found):
        builder.append(number, each.timestamp_ms, each.key, each.value, list(each.headers))
    whole = bytearray(builder.build())
    if attributes & GZIP:
        whole[HEAD.size :] = gzip.compress(bytes(whole[HEAD.size :]))
        pack_into(">i", whole, 8, len(whole) - 12)
    pack_into(">q", whole, 0, found[0].offset)
    pack_into(">h", whole, 21, attributes)
    pack_into(">q", whole, 35, found[0].timestamp_ms)
    return checksummed(whole)


def checksummed(whole: bytearray) -> bytes:
    """Returns the batch with the checksum of what it holds."""
    pack_into(">I", whole, 17, calc_crc32c(bytes(whole[21:])))
    return bytes(whole)


def batch(found: Sequence[Record], attributes: int = APPEND_TIME) -> RecordBatch:
    """Returns these records as one batch; their offsets follow each other."""
    [made] = batches(found[0].topic, found[0].partition, as_sent(found, attributes))
    return made
