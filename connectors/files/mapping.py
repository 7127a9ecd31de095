"""A row of a file as what a business event says: subject, type, time, workflow, attributes."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from connectors.files.errors import BadFile, excerpt
from connectors.files.rows import Row
from connectors.files.values import Convert, boolean, day, decimal, integer, json_text, moment, text, timestamp
from connectors.sources import Attribute, Source, Words, WorkflowBy, snake

Said = tuple[str, str, datetime, str | None, dict[str, str]]
"""Subject, type, moment in UTC, workflow, attributes."""


class Unfit(ValueError):
    """The row does not fit its source; the text is the reason."""


class Mapping:
    """Reads rows as one source defines them. `columns` are those of the file, None when each row names its own."""

    def __init__(self, name: str, source: Source, columns: Sequence[str] | None, workflow: str | None) -> None:
        """`workflow`, if given, is named by every event instead of the source's. Raises BadFile, naming the file,
        when a column is missing or two would get one name."""
        self._source = source
        self._null = frozenset(("", *source.format.null_values))
        self._moment = moment(source.time.format, source.time.zone)
        self._used = source.columns
        self._plan = [(column, each.name or snake(column), *_how(each)) for column, each in source.attributes.items()]
        self._rest = columns is None and source.rest == "keep"
        self._names: dict[str, str] = {}
        self._workflow = self._workflow_of(workflow)
        if columns is not None:
            self._settle(name, columns)

    def read(self, row: Row) -> Said:
        """Returns what the row says; raises Unfit."""
        source = self._source
        null = self._null
        found: dict[str, str] = {}
        for column, name, convert, required in self._plan:
            value = row.get(column)
            if value.__class__ is str:
                if value in null:
                    value = None
                elif convert is None:
                    found[name] = value
                    continue
            if value is None:
                if required:
                    raise Unfit(f"column {excerpt(column)} is empty")
                continue
            spelled = self._spelled(column, convert or text, value)
            if spelled:
                found[name] = spelled
            elif required:
                raise Unfit(f"column {excerpt(column)} is empty")
        if self._rest:
            self._keep_rest(row, found)
        return (
            self._joined(row, source.subject, whole=True),
            self._joined(row, source.type, whole=False),
            self._time(row),
            self._workflow(row),
            found,
        )

    def _time(self, row: Row) -> datetime:
        column = self._source.time.column
        value = row.get(column)
        if value is None or (value.__class__ is str and value in self._null):
            raise Unfit(f"column {excerpt(column)}, the time, is empty")
        try:
            return self._moment(value)
        except ValueError as error:
            raise Unfit(f"column {excerpt(column)}: {error}") from error

    def _joined(self, row: Row, words: Words, whole: bool) -> str:
        """Returns the columns' texts joined; raises Unfit when all are empty or, if they are needed whole, one is."""
        parts = []
        for column in words.columns:
            value = row.get(column)
            if value.__class__ is not str and value is not None:
                value = self._spelled(column, text, value)
            if value and value not in self._null and not value.isspace():
                parts.append(value)
            elif whole:
                raise Unfit(f"column {excerpt(column)}, the subject, is empty")
        if not parts:
            raise Unfit(f"column {excerpt(words.columns[0])}, the type, is empty")
        return words.separator.join(parts) if len(parts) > 1 else str(parts[0])

    def _keep_rest(self, row: Row, found: dict[str, str]) -> None:
        for column, value in row.items():
            if column in self._used or column in self._source.attributes or value is None:
                continue
            if value.__class__ is str and value in self._null:
                continue
            name = self._names.get(column)
            if name is None:
                name = self._names[column] = snake(column)
            if name in found:
                raise Unfit(f"column {excerpt(column)} would be attribute {name} as another is: name it in the source")
            if spelled := self._spelled(column, text, value):
                found[name] = spelled

    @staticmethod
    def _spelled(column: str, convert: Convert, value: Any) -> str:
        try:
            return convert(value)
        except ValueError as error:
            raise Unfit(f"column {excerpt(column)}: {error}") from error

    def _workflow_of(self, given: str | None) -> Callable[[Row], str | None]:
        rule = self._source.workflow
        if given is not None or not isinstance(rule, WorkflowBy):
            always = rule if given is None and not isinstance(rule, WorkflowBy) else given
            return lambda row: always
        column, named, default = rule.column, rule.map, rule.default

        def by_value(row: Row) -> str | None:
            value = row.get(column)
            return default if value is None else named.get(value if value.__class__ is str else text(value), default)

        return by_value

    def _settle(self, name: str, columns: Sequence[str]) -> None:
        """Checks the file's columns against the source's, and plans those that the source does not list."""
        missing = [each for each in (*self._used, *self._source.attributes) if each not in columns]
        if missing:
            raise BadFile(f"{name}: no column {excerpt(missing[0])}; there are: {', '.join(columns)}")
        taken = {each[1]: each[0] for each in self._plan}
        if self._source.rest == "drop":
            return
        for column in columns:
            if column in self._used or column in self._source.attributes:
                continue
            attribute = snake(column)
            if attribute in taken:
                raise BadFile(
                    f"{name}: columns {excerpt(taken[attribute])} and {excerpt(column)} would both be attribute "
                    f"{attribute}: name them in the source"
                )
            taken[attribute] = column
            self._plan.append((column, attribute, None, False))


def _how(attribute: Attribute) -> tuple[Convert | None, bool]:
    """Returns the converter (None: text as it is) and whether a value is required."""
    pattern = attribute.format or "iso8601"
    made: dict[str, Callable[[], Convert]] = {
        "integer": lambda: integer,
        "decimal": lambda: decimal,
        "boolean": lambda: boolean,
        "json": lambda: json_text,
        "timestamp": lambda: timestamp(pattern, attribute.zone),
        "date": lambda: day(pattern),
    }
    return (made[attribute.type]() if attribute.type in made else None), attribute.required
