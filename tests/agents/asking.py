"""A process that runs RelayCore alone, with a model that answers as a file says: `python -m tests.agents.asking ...`.

The file holds one word: `silent` (never answers), `broken` (answers with an error), anything else is the answer.
Each question is added to `<file>.asked`.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from agents.relaycore import RelayCore
from connectors.kafka import ensure_changelogs
from domain.ports import Answer
from runtime.worker import Workbench, serve
from schemas.catalogue import PARTITIONS
from schemas.errors import Unavailable
from schemas.events import Message
from streams.app import Place, changelog


class FileModel:
    """A ModelProvider that does what the file says at the moment it is asked."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def complete(self, model: str, messages: Sequence[Message], max_tokens: int, call_id: str) -> Answer:
        with Path(f"{self._file}.asked").open("a") as asked:
            asked.write(f"{model} {call_id}\n")
        word = self._file.read_text()
        if word == "silent":
            await asyncio.sleep(3600)
        if word == "broken" and model != "local":
            raise Unavailable("the model is broken")
        return Answer(text=word, input_tokens=3, output_tokens=1, degraded=model == "local")


async def run(bootstrap: str, registry: str, prefix: str, folder: Path, file: Path) -> None:
    place = Place(bootstrap, folder, prefix)
    ensure_changelogs(bootstrap, {changelog(place, RelayCore.name): PARTITIONS})
    async with Workbench(place, registry) as tools:
        await serve([RelayCore(FileModel(file), tools)], folder / "ready")


if __name__ == "__main__":
    bootstrap, registry, prefix, folder, file = sys.argv[1:]
    uvloop.run(run(bootstrap, registry, prefix, Path(folder), Path(file)))
