"""What the test server does wrong on demand, and whether it charges for it all the same."""

from typing import Final

from msgspec import Struct

BILLED: Final = {
    "429": False,
    "500": False,
    "503": False,
    "400": False,
    "401": False,
    "quota": False,
    "slow": True,
    "silent": True,
    "reset": True,
    "refused_reset": False,
    "cut_body": True,
    "cut_stream": True,
    "short_stream": True,
    "wrong_json": True,
    "html": True,
    "no_choices": True,
    "no_usage": True,
    "wrong_schema": True,
    "wrong_arguments": True,
}
"""Every misdeed by its name, and whether the call is charged. See `tests/models/server.py` for what each is."""


class Misdeed(Struct, frozen=True, kw_only=True):
    """What a model does wrong, how often, and whether it is charged."""

    name: str
    times: int = 0
    """0: always."""
    retry_after: str = ""
    """429 and 503: the header's text."""
    after_ms: int = 2_000
    """slow: how long it takes."""
    billed: bool | None = None
    """None: as BILLED says."""

    @property
    def charged(self) -> bool:
        """True when the provider puts it on its bill."""
        return BILLED[self.name] if self.billed is None else self.billed

    def less_one(self) -> "Misdeed | None":
        """Returns what is left of it after one more time, None when that was the last."""
        if not self.times:
            return self
        return (
            None
            if self.times == 1
            else Misdeed(
                name=self.name,
                times=self.times - 1,
                retry_after=self.retry_after,
                after_ms=self.after_ms,
                billed=self.billed,
            )
        )


def named(model: str) -> Misdeed | None:
    """Returns what a model does by its very name (`some-model~429`), None when it does nothing wrong."""
    name = model.rpartition("~")[2] if "~" in model else ""
    return Misdeed(name=name) if name in BILLED else None
