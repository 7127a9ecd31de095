"""Ids that follow from what they name, so that making them again gives the same."""

from uuid import UUID, uuid5

NAMESPACE = UUID("b6cfb7a4-6a33-5d0e-9c4a-0f3c8f5f7a11")
"""The root of every derived id (version 5)."""


def derive(*parts: str) -> str:
    """Returns the UUID v5 of the parts: `derive(cause, "compliance-decisions")`, `derive(run_id, step, "1")`.

    Parts are joined with the unit separator, so that ("a", "bc") and ("ab", "c") differ.
    """
    return str(uuid5(NAMESPACE, "\x1f".join(parts)))
