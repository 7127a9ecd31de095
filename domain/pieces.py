"""Answers that come in pieces: tokens are restored whole or not yet."""

from collections.abc import Mapping

from domain.concealment import restore
from domain.json_text import escaped


class Restorer:
    """Restores an answer that comes in pieces: a token is never let through in part.

    `within_json`: the pieces are of a JSON text, and values are written as within its strings.
    """

    def __init__(self, values: Mapping[str, str], *, within_json: bool = False) -> None:
        self._values = {token: escaped(value) for token, value in values.items()} if within_json else dict(values)
        self._starts = {token[:size] for token in values for size in range(1, len(token))}
        self._held = ""

    def feed(self, piece: str) -> str:
        """Returns what may go out by now; at most the beginning of one token is held back."""
        text = self._held + piece
        at = text.rfind("[")
        self._held = text[at:] if at >= 0 and text[at:] in self._starts else ""
        return restore(text[: len(text) - len(self._held)], self._values)

    def finish(self) -> str:
        """Returns what was held back."""
        held, self._held = self._held, ""
        return held
