"""ClickHouse's engine alone: the same rows as Avro containers in memory, inserted with the same settings, unchecked."""

import json
import re
from pathlib import Path

from benchmarks.clock import Clock
from benchmarks.task import given
from schemas.catalogue import TOPICS
from sinks.embedded import ChdbEngine
from sinks.engine import ONE_BLOCK, literal
from sinks.tables import DATABASE, columns, statements

PLACE = {"_partition": "Int32", "_offset": "Int64", "_recorded_at": "DateTime64(3, 'UTC')"}
PLAIN = "plain MergeTree"
"""The variant whose table sorts, versions and syncs nothing: what the engine can do at most."""


def main() -> None:
    """Inserts every container of the folder that the task names as its topic."""
    task = given()
    engine = ChdbEngine(Path(task.folder) / "clickhouse")
    topic = TOPICS["business-events"]
    table = f"`{DATABASE}`.`{topic.noun}_log`"
    for statement in statements(topic)[:2]:  # database and table; nobody reads through the view
        plain = re.sub(r"ENGINE = ReplacingMergeTree.*", "ENGINE = MergeTree ORDER BY tuple()", statement)
        engine.execute(plain if task.variant == PLAIN else statement)
    fields = [(each.name, each.type) for each in columns(topic.schema)] + list(PLACE.items())
    names = ", ".join(f"`{name}`" for name, _ in fields)
    structure = literal(", ".join(f"`{name}` {kind}" for name, kind in fields))

    def insert(path: str) -> str:
        source = f"file({literal(path)}, 'Avro', {structure})"
        into = f"INSERT INTO {table} ({names}, _topic) SELECT {names}, {literal(topic.name)}"
        return f"{into} FROM {source} SETTINGS {ONE_BLOCK}"

    containers = [file.read_bytes() for file in sorted(Path(task.topic).iterdir())]
    clock = Clock()
    clock.begin()
    rows = 0
    for container in containers:
        rows += engine.insert_file(container, insert)
    clock.end()
    (count,) = json.loads(engine.execute(f"SELECT count() FROM {table}").splitlines()[0])
    assert rows == int(count) == task.events, (rows, count)
    clock.report(rows)


if __name__ == "__main__":
    main()
