"""The contract is true: whatever it permits, and what it does not, is answered as it says, whoever asks."""

import warnings
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from gateway_calls import PASSWORD
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from schemas.codec import Codec
from tests.chaos.gateways import Gateway, gateways
from tests.gateway.test_isolation import KEYS, NOBODY, PEOPLE, SUSPENDED


def no_error_of_its_own(_: Any, response: Any, __: Any) -> None:
    """503 is none: it says that Kafka takes longer than a call waits, as on a machine that is busy."""
    assert response.status_code < 500 or (response.status_code == 503 and response.headers["retry-after"])


CHECKS = [no_error_of_its_own, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 1
"""Of each operation, caller, and kind of input: as the contract says, and otherwise."""
DEAD: dict[str, Any] = {**NOBODY, **SUSPENDED}
CALLERS = ["acme operator", "platform admin", "nobody"]
"""Each kind of them; every role x every route is the matrix's."""


@pytest.fixture(scope="module")
def gateway(servers: Any, registered: Codec, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateways(servers, registered, tmp_path_factory.mktemp("contract"), 1, "--trusted-proxy 127.0.0.1") as [found]:
        yield found


@pytest.fixture(scope="module")
def document(gateway: Gateway) -> Any:
    """The contract as the gateway gives it."""
    return httpx2.get(f"http://127.0.0.1:{gateway.port}/api/v1/openapi.json", trust_env=False).json()


@pytest.mark.parametrize("caller", CALLERS)
def test_every_answer_is_one_that_the_contract_declares(gateway: Gateway, document: Any, caller: str) -> None:
    where = f"http://127.0.0.1:{gateway.port}"
    schema = schemathesis.openapi.from_dict(document)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == sum(len(methods) for methods in document["paths"].values())

    for operation in operations:
        headers = _credentials(where, caller)
        for mode in list(GenerationMode):
            _asked(operation, mode, where, {**headers, "X-Forwarded-For": f"203.0.113.{CALLERS.index(caller)}"})


def _asked(operation: Any, mode: GenerationMode, where: str, headers: dict[str, str]) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the generator's own, about what it makes
            case.call_and_validate(base_url=where, headers=headers, checks=CHECKS)

    try:
        one()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing in it can be wrong


def _credentials(where: str, caller: str) -> dict[str, str]:
    """Returns the headers of a caller, with a session of its own."""
    if caller in PEOPLE:
        tenant, name, _ = PEOPLE[caller]
        said = {"tenant": tenant, "name": name, "password": PASSWORD}
        elsewhere = {"X-Forwarded-For": "198.51.100.1"}  # not where wrong passwords come from
        login = f"{where}/auth/login"
        while (answer := httpx2.post(login, json=said, headers=elsewhere, trust_env=False)).status_code == 503:
            continue
        token = answer.json()["access_token"]
        return {"Authorization": f"Bearer {token}"}
    return {"X-API-Key": KEYS[caller][0].text} if caller in KEYS else dict(DEAD[caller])
