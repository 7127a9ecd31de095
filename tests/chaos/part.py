"""One process of the pipeline, as data: what it is and where it runs."""

from pathlib import Path

import msgspec


class Part(msgspec.Struct, frozen=True):
    """A process of the pipeline under test."""

    role: str
    """stage, sink, naive, money, worker or analytics; the last two are the product's own commands."""
    name: str
    bootstrap: str
    registry: str
    folder: Path
    prefix: str
    session_timeout_s: float = 6.0
    run_records_max: int = 0
    """0: the product's own."""
    delivery_timeout_s: float = 0.0
    """After which a record without an answer counts as not written; 0: the product's own."""
    clock_ahead_s: float = 0.0
    hash_seed: int = 0
    control: Path | None = None
    """The file that switches a sink's engine (tests.chaos.faulty_engine) or freezes a writer (tests.chaos.sleepy)."""
    evolved: Path | None = None
    """A folder with the schemas of a later release."""

    @property
    def ready(self) -> Path:
        """The file that is there while the process runs."""
        return self.folder / "run" / f"{'part' if self.ours else self.role}.ready"

    @property
    def ours(self) -> bool:
        """True when its entry is tests.chaos.pipeline."""
        return self.role not in ("worker", "analytics")

    def text(self) -> str:
        """Returns it as one argument of a command line."""
        return msgspec.json.encode(self, enc_hook=str).decode()


def parse(text: str) -> Part:
    """Returns the part that `text` wrote."""
    return msgspec.json.decode(text, type=Part, dec_hook=lambda kind, value: kind(value))


def use_release(folder: Path) -> None:
    """Makes this process one of another release: schemas and event classes are those of the folder.

    To be called before anything of the product is imported.
    """
    import sys
    from types import ModuleType

    events = ModuleType("schemas.events")
    sys.modules["schemas.events"] = events
    exec(compile((folder / "events.py").read_text(), "events.py", "exec"), vars(events))
    import schemas

    schemas.events = events  # type: ignore[attr-defined]
    import schemas.catalogue

    schemas.catalogue.FOLDER = folder
