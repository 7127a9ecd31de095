"""A gateway of which nothing is on Kafka: what it says is kept in a list, what it reads lies in memory."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import httpx2
import msgspec
from read_model_records import CODEC

from domain.definitions import Definitions, define
from domain.identity import ApiKey, Permission, digest
from domain.ports import LogBrowser
from domain.reading import ReadModels
from schemas.events import Definition, Event
from schemas.record import Outgoing
from tests.event_strategies import recorded
from tests.gateway.conftest import NOW, SECRET, Followed, calling, key, known

EVERYTHING = [each for each in Permission if each is not Permission.MANAGE_TENANTS]


class ListPublisher:
    """A Publisher into a list; definitions among it are known at once."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self.said: list[Event] = []

    async def publish(self, records: Sequence[Outgoing]) -> Mapping[tuple[str, int], int]:
        """See domain.ports.Publisher."""
        for record in records:
            event = CODEC.decode(recorded(record))
            self.said.append(event)
            if isinstance(event, Definition):
                self._definitions.add(event)
        return {(record.topic, 0): len(self.said) for record in records}

    async def append(self, topic: str, partition: int, pairs: Any) -> Sequence[range]:
        """See domain.ports.Publisher."""
        raise NotImplementedError

    def of(self, kind: type[Any]) -> list[Any]:
        """Returns the events of this kind, in the order in which they were said."""
        return [each for each in self.said if isinstance(each, kind)]


class Quiet:
    """A client of it, with a key that may do everything in its tenant, or what is said."""

    def __init__(
        self,
        models: ReadModels | None = None,
        browser: LogBrowser | None = None,
        tenant: str = "acme",
        scopes: Sequence[Permission] = EVERYTHING,
        **more: Any,
    ) -> None:
        self.definitions = known()
        made = ApiKey(id="q" * 16, scopes=list(scopes), expires_at=NOW + timedelta(days=1), digest=digest(SECRET))
        self.define(tenant, "api-key", msgspec.to_builtins(made))
        self.publisher = ListPublisher(self.definitions)
        followed = Followed(self.definitions, _at_once)
        self.client: httpx2.AsyncClient = calling(
            self.publisher, CODEC, followed=followed, models=models, browser=browser, **more
        )
        self.client.headers["Authorization"] = f"Bearer {key(tenant, 'q').text}"

    def define(self, tenant: str, kind: str, body: Any) -> None:
        """Makes this the newest version of a definition."""
        event = define(tenant, kind, body, self.definitions.last(tenant, kind, body["id"]), NOW)
        if event is not None:
            self.definitions.add(event)

    async def got(self, path: str, status: int = 200, **asked: Any) -> Any:
        """Returns what a route says."""
        answer = await self.client.get(path, params=asked)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def pages(self, path: str, name: str, **asked: Any) -> list[Any]:
        """Returns what all pages of a list hold."""
        page = await self.got(path, **asked)
        found = list(page[name])
        while page["next"] is not None:
            page = await self.got(path, **asked, cursor=page["next"])
            assert len(page[name]) <= asked.get("limit", 50)
            found += page[name]
        return found


async def _at_once() -> None:
    return None
