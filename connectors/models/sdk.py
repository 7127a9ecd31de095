"""The LiteLLM SDK, loaded when it is first needed: it takes seconds and 190 MB."""

import importlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

TIMEOUT_MAX_S = 600.0
"""No question waits longer."""
CONNECT_S = 5.0
"""For a connection to come about, the wait for a free one left out."""
SAY_TOO_MUCH = ("LiteLLM", "openai", "openai._base_client", "httpx", "httpcore")
"""Loggers that write questions, answers and keys, some of them with errors."""


@cache
def litellm() -> Any:
    """Returns the module; loading it asks the network for nothing."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import asks the network for prices
    module: Any = importlib.import_module("litellm")
    for name in SAY_TOO_MUCH:
        logging.getLogger(name).disabled = True
    module.suppress_debug_info = True
    module.telemetry = False
    module.DEFAULT_MAX_RETRIES = 0  # else vectors are asked for three times: zero counts as unset there
    return module


@contextmanager
def unrecorded() -> Iterator[None]:
    """Lets LiteLLM keep no records of its own of the calls in this block: ours are on the log, and its cost a tenth."""
    internal = importlib.import_module("litellm._internal_context").is_internal_call
    before = internal.set(True)
    try:
        yield
    finally:
        internal.reset(before)


@cache
def openai() -> Any:
    """Returns the SDK that LiteLLM raises the errors of."""
    return importlib.import_module("openai")


@cache
def httpx() -> Any:
    """Returns the HTTP library under both."""
    return importlib.import_module("httpx")


@cache
def aiohttp() -> Any:
    """Returns what LiteLLM puts under httpx."""
    return importlib.import_module("aiohttp")


@cache
def timeout() -> Any:
    """Returns the one timeout that every call is given: LiteLLM keeps a client, with its connections, for each."""
    return httpx().Timeout(TIMEOUT_MAX_S, connect=CONNECT_S)


@cache
def raised() -> tuple[type[Exception], ...]:
    """Returns what LiteLLM lets out: its own errors, those of HTTP, and whatever its parsers meet in a bad answer."""
    plain = (ValueError, TypeError, LookupError, AttributeError, RuntimeError, ImportError, OSError)
    return (
        openai().OpenAIError,
        httpx().HTTPError,
        litellm().llms.base_llm.chat.transformation.BaseLLMException,
        *plain,
    )
