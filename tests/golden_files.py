"""Renderings kept as files: a change of one is seen in a diff, and made on purpose.

``LOADSTONE_WRITE_GOLDEN=1 pytest tests/test_golden.py`` writes them anew; read the diff before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).with_name("golden")


def assert_golden(name: str, text: str) -> None:
    """The rendering is what the file holds."""
    path = FOLDER / name
    if os.environ.get("LOADSTONE_WRITE_GOLDEN"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")
