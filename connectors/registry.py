"""The schema registry, through Confluent's API: registers our schemas and gives the ids of all versions."""

import json
from collections.abc import Iterable
from typing import Any

import httpx2

from schemas.catalogue import TOPICS, Topic
from schemas.codec import Codec
from schemas.errors import Rejected, Unavailable
from schemas.evolution import changes, lint

TIMEOUT_S = 10.0
HEADERS = {"Content-Type": "application/vnd.schemaregistry.v1+json"}


class RegistryUnavailable(Unavailable):
    """The schema registry does not answer."""


class BadSchema(Rejected):
    """A schema of ours breaks the rules, or is not backward compatible with what is registered."""


class Registry:
    """One schema registry at a base URL such as http://host:port/apis/ccompat/v7."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._client = httpx2.Client(timeout=TIMEOUT_S, headers=HEADERS, trust_env=False)

    def require_backward(self) -> None:
        """Makes the registry itself refuse what is not backward compatible, whoever registers it."""
        self._expect(self._send("PUT", "/config", {"compatibility": "BACKWARD"}))

    def codec(self, topics: Iterable[Topic] = tuple(TOPICS.values())) -> Codec:
        """Registers the topics' schemas after checking them, and returns a codec that knows every version.

        A schema of ours that a registered one may follow is taken too: in a rolling upgrade old processes start again
        beside newer ones. Raises BadSchema naming each change that is not allowed, RegistryUnavailable without answer.
        """
        topics = list(topics)
        known = {topic.name: self._versions(topic.subject) for topic in topics}
        for topic in topics:
            wrong = lint(topic.schema)
            versions = [schema for _, schema in known[topic.name]]
            if not any(_same(schema, topic.schema) for schema in versions):  # an older release finds its own
                for schema in versions:
                    wrong += [change for change in changes(schema, topic.schema) if change not in wrong]
            if wrong:
                raise BadSchema(f"{topic.subject}: {'; '.join(wrong)}")
        codec = Codec({topic.name: self._register(topic) for topic in topics})
        for topic in topics:
            for number, schema in known[topic.name]:
                codec.learn(topic.name, number, schema)
        return codec

    def refresh(self, codec: Codec, topics: Iterable[str]) -> None:
        """Lets the codec learn what other writers have registered for these topics since."""
        for name in topics:
            for number, schema in self._versions(TOPICS[name].subject):
                codec.learn(name, number, schema)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _versions(self, subject: str) -> list[tuple[int, dict[str, Any]]]:
        numbers = self._get(f"/subjects/{subject}/versions", missing=[])
        versions = [self._get(f"/subjects/{subject}/versions/{number}") for number in numbers]
        return [(int(each["id"]), json.loads(each["schema"])) for each in versions]

    def _register(self, topic: Topic) -> int:
        body = {"schemaType": "AVRO", "schema": json.dumps(topic.schema)}
        answer = self._send("POST", f"/subjects/{topic.subject}/versions", body)
        if answer.status_code == 409:
            raise BadSchema(f"{topic.subject}: the registry finds it incompatible: {answer.text[:300]}")
        self._expect(answer)
        return int(answer.json()["id"])

    def _get(self, path: str, missing: Any = None) -> Any:
        answer = self._send("GET", path)
        if answer.status_code == 404 and missing is not None:
            return missing
        self._expect(answer)
        return answer.json()

    def _send(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        try:
            return self._client.request(method, self._url + path, json=body)
        except httpx2.HTTPError as error:
            raise RegistryUnavailable(f"schema registry at {self._url} does not answer: {error}") from error

    def _expect(self, answer: httpx2.Response) -> None:
        if answer.status_code >= 400:
            raise RegistryUnavailable(
                f"schema registry at {self._url}: {answer.status_code} {answer.text[:200].strip()}"
            )


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Returns True when the two differ in words alone."""
    return not changes(one, other) and not changes(other, one)


def codec_of(url: str) -> Codec:
    """Returns the codec of the registry at this URL; see Registry.codec."""
    registry = Registry(url)
    try:
        return registry.codec()
    finally:
        registry.close()
