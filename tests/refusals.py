"""What a refusal has to look like: one line, exit code 4, with these parts."""

from __future__ import annotations

import pytest
from loadstone.errors import EXIT_USAGE, UsageError
from loadstone.loaders.real_data import open_data


def refusal(path, **stated) -> str:
    """The one line with which a path is refused."""
    with pytest.raises(UsageError) as caught:
        open_data(path, **stated)
    said = str(caught.value)
    assert caught.value.exit_code == EXIT_USAGE
    assert "\n" not in said
    assert said.endswith((".", "?"))
    return said


def assert_says(said: str, *parts: str) -> None:
    assert [part for part in parts if part not in said] == [], said
