"""A reader of one release as a process: `python -m tests.chaos.reading FOLDER IDS`, records on its input."""

import base64
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.chaos.part import use_release

ID_STEP = 100
"""Between the schema ids of a topic's versions."""


def main() -> None:
    """Reads what each version wrote, as JSON lines, with the release of this folder; prints what it reads otherwise."""
    folder, ids = Path(sys.argv[1]), json.loads(sys.argv[2])
    use_release(folder)
    import msgspec  # and the product, only now

    from schemas.catalogue import TOPICS
    from schemas.codec import Codec
    from schemas.record import Record, seal

    versions = {int(each.name): each for each in folder.parent.iterdir()}
    read = Codec({topic: number + int(folder.name) * ID_STEP for topic, number in ids.items()})
    for version, other in versions.items():
        for name, topic in TOPICS.items():
            schema = json.loads((other / f"{topic.noun}.avsc").read_text())
            read.learn(name, ids[name] + version * ID_STEP, schema)
    for line in sys.stdin:
        said = json.loads(line)
        topic = TOPICS[said["topic"]]
        wanted = msgspec.convert(_as_read(_plain(said["body"]), topic.schema), topic.event)
        key, value = topic.key(wanted).encode(), base64.b64decode(said["value"])
        record = Record(topic.name, 0, 0, 0, key, value, [("x-digest", seal(key, value, []))])
        try:
            found: Any = read.decode(record)
        except Exception as error:  # noqa: BLE001  it is told, whatever it is
            found = error
        if found != wanted:
            print(f"{topic.name} of version {said['version']}: {found!r}, not {wanted!r}"[:400])


def _as_read(value: Any, kind: Any) -> Any:
    """Returns the value as a reader of this type has it: later fields away, later symbols unknown, defaults in."""
    if isinstance(kind, list):
        return None if value is None else _as_read(value, next(each for each in kind if each != "null"))
    if isinstance(kind, dict) and kind["type"] == "record":
        return {
            field["name"]: _as_read(value[field["name"]], field["type"]) if field["name"] in value else field["default"]
            for field in kind["fields"]
        }
    if isinstance(kind, dict) and kind["type"] == "enum":
        return value if value in kind["symbols"] else kind["default"]
    if isinstance(kind, dict) and kind["type"] == "array":
        return [_as_read(each, kind["items"]) for each in value]
    return value


def _plain(told: Any) -> Any:
    """Returns the body that tests.chaos.releases told in JSON."""
    if isinstance(told, list):
        return [_plain(each) for each in told]
    if not isinstance(told, dict):
        return told
    if "bytes" in told:
        return base64.b64decode(told["bytes"])
    if "at" in told:
        return datetime.fromisoformat(told["at"])
    return {name: _plain(each) for name, each in told["map"].items()}


if __name__ == "__main__":
    main()
