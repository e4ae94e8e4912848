"""The JSON Schema that ships beside this file: ``python -m loadstone.reports.schema`` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path

from .document import json_schema, write_beside

PATH = Path(__file__).with_name("loadstone-1.schema.json")


def schema_bytes() -> bytes:
    """The schema as it is shipped, made from the document's classes."""
    return (json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    write_beside(PATH, schema_bytes())
