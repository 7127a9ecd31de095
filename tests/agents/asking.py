"""A process with RelayCore, the budgets and a model that answers as a file says: `python -m tests.agents.asking`.

The file holds one word: `nobody` (the budgets alone), `silent` (never answers), `broken` (answers with an error),
`echo` (answers with the words of all messages, a stroke between them), an endpoint (what is there is asked through
LiteLLM; with ` blind` behind it the detector ends whenever it is started); anything else is the answer. Each question
but those to an endpoint is added to `<file>.asked`.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from agents.leases import Leases
from agents.relaycore import RelayCore
from connectors.answer_cache import AnswerCache
from connectors.detector import Detector
from connectors.kafka import ensure_changelogs
from connectors.models.hosted import Models
from connectors.models.local_hash import LOCAL_HASH, embedded
from domain.accounts import Accounts
from domain.admissions import Admissions
from domain.ports import Answer, Embedding, ModelProvider, ModelRefused, ModelUnavailable, Question
from runtime.worker import Workbench, serve
from schemas.catalogue import PARTITIONS
from streams.app import Place, changelog
from streams.stage import Stage


class FileModel:
    """A ModelProvider that does what the file says at the moment it is asked."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def ready(self, model: str) -> None:
        """It always is."""

    async def ask(self, question: Question) -> Answer:
        with Path(f"{self._file}.asked").open("a") as asked:
            asked.write(f"{question.model} {question.idempotency_key}\n")
        word = self._file.read_text()
        if word == "silent":
            await asyncio.sleep(3600)
        if word == "broken" and question.model != "local":
            raise ModelUnavailable("the model is broken", billed=False)
        if word == "echo":
            word = "|".join(each.content for each in question.messages)
        return Answer(text=word, input_tokens=3, output_tokens=1, degraded=question.model == "local")

    async def embed(
        self,
        texts: Sequence[str],
        model: str,
        *,
        idempotency_key: str = "",
        endpoint: str | None = None,
        timeout_s: float = 10.0,
    ) -> Embedding:
        if model != LOCAL_HASH:
            raise ModelRefused(f"{model} has no vectors")
        return embedded(list(texts))


async def run(bootstrap: str, registry: str, prefix: str, folder: Path, file: Path) -> None:
    place = Place(bootstrap, folder, prefix)
    money = [Accounts(), Admissions()]
    names = [RelayCore.name, *(each.name for each in money)]
    ensure_changelogs(bootstrap, {changelog(place, name): PARTITIONS for name in names})
    async with Workbench(place, registry) as tools:
        stages = [Stage(each, tools) for each in money]
        Leases(stages[0], tools)
        text = file.read_text()
        word, blind = text.removesuffix(" blind"), text.endswith(" blind")
        detector = Detector([sys.executable, "-c", "raise SystemExit"], wait_s=3.0) if blind else Detector()
        answers = AnswerCache(folder / "answers.db")
        model: ModelProvider = Models(word) if word.startswith("http") else FileModel(file)
        asking = [] if word == "nobody" else [RelayCore(model, detector, tools, answers=answers)]
        await serve([*stages, *asking], folder / "ready")
        await detector.close()
        await answers.close()


if __name__ == "__main__":
    bootstrap, registry, prefix, folder, file = sys.argv[1:]
    uvloop.run(run(bootstrap, registry, prefix, Path(folder), Path(file)))
