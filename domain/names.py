"""How definitions are named."""

from typing import Annotated

from msgspec import Meta

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}\Z")]
"""Small letters, digits, hyphens and underscores; at most 63."""
