"""Conditions as data: CEL expressions, checked when they are saved, evaluated without side effects."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import cel

from schemas.errors import Rejected

LENGTH_MAX = 2000
"""Characters of one expression."""
MACROS_MAX = 1
"""Times an expression may go through a list or a map: CEL has no step budget, and nested ones multiply."""
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter|transformList|transformMap)\s*\(")

LIBRARY = "common-expression-language"
LIBRARIES = {LIBRARY: version(LIBRARY)}
"""Versions of the libraries whose answers decide; a run pins them."""


class BadExpression(Rejected):
    """The expression cannot be read, or names what is not there."""


class ExpressionFailed(Rejected):
    """The expression was evaluated and gave no answer: a field is missing, or types do not fit."""


class Scope:
    """What expressions may name, given once for many expressions."""

    def __init__(self, **variables: Mapping[str, Any]) -> None:
        self._context = cel.Context(variables=dict(variables))

    def holds(self, expression: str) -> bool:
        """Evaluates the condition; raises ExpressionFailed when it gives no boolean."""
        try:
            answer = _compiled(expression).execute(self._context)
        except (KeyError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
            raise ExpressionFailed(f"{expression!r}: {_why(expression, error)}") from error
        if not isinstance(answer, bool):
            raise ExpressionFailed(f"{expression!r} gives {type(answer).__name__}, not true or false")
        return answer


def check(expression: str, variables: Iterable[str]) -> None:
    """Raises BadExpression unless the expression can be read and names only these variables."""
    if len(expression) > LENGTH_MAX:
        raise BadExpression(f"an expression of {len(expression)} characters, more than {LENGTH_MAX}")
    if len(_MACRO.findall(expression)) > MACROS_MAX:
        raise BadExpression(f"{expression[:100]!r} goes through lists more than once: nested, that takes for ever")
    try:
        program = _compiled(expression)
    except ValueError as error:
        raise BadExpression(f"{expression!r}: {str(error).splitlines()[0]}") from error
    unknown = sorted(set(program.variables()) - set(variables))
    if unknown:
        raise BadExpression(f"{expression!r} names {', '.join(unknown)}; known are {', '.join(sorted(variables))}")


def _why(expression: str, error: Exception) -> str:
    """Returns what went wrong without a value of the input: it may be personal."""
    name, text = type(error).__name__, str(error).partition("\n")[0]
    if isinstance(error, KeyError):
        return f"{name} {text}" if str(error.args[0]) in expression else name
    return f"{name} {text.partition(' error: ')[0]}"


@lru_cache(maxsize=4096)
def _compiled(expression: str) -> Any:
    return cel.compile(expression)
