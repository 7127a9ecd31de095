"""Which format a file has: by the endings of its name, checked against how it begins."""

from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from connectors.files.errors import BadFile


class Format(StrEnum):
    """How rows are written."""

    CSV = "csv"
    TSV = "tsv"
    JSON_LINES = "jsonl"
    JSON = "json"
    AVRO = "avro"
    PARQUET = "parquet"

    @property
    def is_text(self) -> bool:
        """True when a person could read it."""
        return self not in (Format.AVRO, Format.PARQUET)

    @property
    def has_header(self) -> bool:
        """True when its first line names the columns."""
        return self in (Format.CSV, Format.TSV)


class Compression(StrEnum):
    """What the whole file is packed in."""

    NONE = ""
    GZIP = "gzip"
    ZSTD = "zstd"


class Kind(Struct, frozen=True):
    """Format and compression of one file."""

    format: Format
    compression: Compression


FORMATS = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".json": Format.JSON,
    ".avro": Format.AVRO,
    ".parquet": Format.PARQUET,
}
COMPRESSIONS = {
    ".gz": Compression.GZIP,
    ".gzip": Compression.GZIP,
    ".zst": Compression.ZSTD,
    ".zstd": Compression.ZSTD,
}
MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PAR1": "Parquet",
    b"Obj\x01": "Avro",
    b"PK\x03\x04": "a zip archive (an Excel workbook is one, too)",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word document",
    b"%PDF": "a PDF",
    b"SQLite format 3\0": "an SQLite database",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
}
BINARY = {Format.AVRO: b"Obj\x01", Format.PARQUET: b"PAR1"}
UTF16 = (b"\xff\xfe", b"\xfe\xff")
WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
"""Encodings whose text is full of NUL bytes (Python's own names of them)."""


def kind_of(path: Path) -> Kind:
    """Returns what the name's endings say; raises BadFile when they say nothing known."""
    endings = [ending.lower() for ending in path.suffixes]
    compression = COMPRESSIONS.get(endings[-1], Compression.NONE) if endings else Compression.NONE
    if compression:
        endings.pop()
    found = FORMATS.get(endings[-1]) if endings else None
    if found is None:
        known = ", ".join(FORMATS)
        raise BadFile(f"{path.name}: the name ends in no known format ({known}; each also with .gz or .zst)")
    return Kind(found, compression)


def check(name: str, kind: Kind, head: bytes, encoding: str = "utf-8") -> None:
    """Raises BadFile unless a file that begins so (after decompression) can be what its name says.

    `encoding` is Python's own name of the text's encoding.
    """
    if not head:
        raise BadFile(f"{name}: is empty")
    magic = BINARY.get(kind.format)
    seen = next((what for start, what in MAGIC.items() if head.startswith(start)), None)
    if magic is not None:
        if not head.startswith(magic):
            raise BadFile(f"{name}: is not {kind.format.title()}, but {seen or 'something else'}")
        return
    if seen is not None:
        raise BadFile(f"{name}: is {seen}, not {kind.format}")
    if encoding not in WIDE:
        if head.startswith(UTF16):
            raise BadFile(f"{name}: is UTF-16; its source has to say so (format: encoding: utf-16)")
        if b"\0" in head:
            raise BadFile(f"{name}: is binary (a NUL byte at byte {head.index(0) + 1}), not {kind.format}")
