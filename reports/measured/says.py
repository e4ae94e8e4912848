"""How a field of the document describes itself, for its JSON Schema and the reference."""

from __future__ import annotations

import msgspec


def says(text: str) -> msgspec.Meta:
    """The description of a field."""
    return msgspec.Meta(description=text)
