"""Reads ClickHouse's RowBinary back, by the Avro schema that the rows were written from."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from struct import unpack_from
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RowReader:
    """Rows one after the other; each ends with partition, offset and moment."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def rows(self, schema: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], tuple[int, int, int]]]:
        """Yields the fields of each row, and its place."""
        while self._at < len(self._content):
            fields = {each["name"]: self.value(each["type"]) for each in schema["fields"]}
            yield fields, (self.number("<i"), self.number("<q"), self.number("<q"))

    def value(self, avro: Any) -> Any:  # noqa: PLR0911
        """Returns the next value of this type."""
        match avro:
            case "string":
                return self.text().decode()
            case "bytes":
                return self.text()
            case "int":
                return self.number("<i")
            case "long":
                return self.number("<q")
            case "boolean":
                return {0: False, 1: True}[self.number("<B")]
            case ["null", other]:
                return None if self.number("<B") else self.value(other)
            case {"logicalType": "timestamp-micros"}:
                return EPOCH + timedelta(microseconds=self.number("<q"))
            case {"type": "enum", "symbols": symbols}:
                symbol = self.text().decode()
                assert symbol in symbols
                return symbol
            case {"type": "map", "values": values}:
                return {self.value("string"): self.value(values) for _ in range(self.size())}
            case {"type": "array", "items": items}:
                return [self.value(items) for _ in range(self.size())]
            case {"type": "record", "fields": fields}:
                return {each["name"]: self.value(each["type"]) for each in fields}
        raise AssertionError(avro)

    def text(self) -> bytes:
        """Returns the next text."""
        size = self.size()
        self._at += size
        assert self._at <= len(self._content)
        return self._content[self._at - size : self._at]

    def size(self) -> int:
        """Returns the next number of LEB128."""
        size = shift = 0
        while True:
            part = self._content[self._at]
            self._at += 1
            size |= (part & 0x7F) << shift
            shift += 7
            if part < 0x80:
                return size

    def number(self, kind: str) -> int:
        """Returns the next number of fixed size."""
        (value,) = unpack_from(kind, self._content, self._at)
        self._at += {"<B": 1, "<i": 4, "<q": 8}[kind]
        return int(value)
