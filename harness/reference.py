"""The reference page, made from the code: ``python -m loadstone.harness.reference > docs/reference.md``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click
import msgspec

from .. import errors
from ..loaders.contract import LoaderConfig
from ..loaders.traits import TABLE
from ..reports import document
from ..suites.families import FAMILIES, REGISTER
from .cli import cli

EXIT_CODES = {
    errors.EXIT_OK: "all well",
    errors.EXIT_FAILED: "a check failed, a leak was found, or a loader regressed",
    errors.EXIT_INTERRUPTED: "interrupted; what was finished is kept",
    errors.EXIT_INTERNAL: "Loadstone's own error",
    errors.EXIT_USAGE: "wrong usage, or a subject or data that cannot be used",
    errors.EXIT_NOTHING: "nothing selected, nothing judged",
    errors.EXIT_UNKNOWN: "unknown, inconclusive or not comparable",
}


def reference() -> str:
    """The whole page as Markdown."""
    parts = [
        "# Reference\n\nMade from the code by `python -m loadstone.harness.reference`; do not edit.\n",
        "## Verbs\n", *verbs(),
        "## Exit codes\n", table(("code", "meaning"), [(str(k), v) for k, v in EXIT_CODES.items()]),
        "## Checks\n", *checks(),
        "## Traits\n", table(("trait", "values", "meaning"), traits()),
        "## LoaderConfig\n", inspect.cleandoc(LoaderConfig.__doc__ or "") + "\n",
        f"## The document ({document.SCHEMA})\n", *fields(),
    ]  # fmt: skip
    return "\n".join(parts)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; pipes in cells are escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def verbs() -> Iterator[str]:
    """Each verb with its options."""
    # With their parent, from which they have -h: a command keeps what its first context gave it.
    group = cli.make_context("loadstone", [], resilient_parsing=True)
    for name, command in cli.commands.items():
        context = click.Context(command, info_name=f"loadstone {name}", parent=group)
        usage = " ".join(command.collect_usage_pieces(context))
        yield f"### loadstone {name}\n\n{command.get_short_help_str(200)}\n\n    loadstone {name} {usage}\n"
        rows = []
        for parameter in command.params:
            record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
            if record:
                rows.append((f"`{record[0]}`", record[1]))
        yield table(("option", "meaning"), rows) if rows else ""


def checks() -> Iterator[str]:
    """Each check with the sentence that must hold, by family."""
    for family, title in FAMILIES.items():
        rows = [(f"`{one.id}`", one.asks) for one in REGISTER.values() if one.family == family]
        yield f"### {title}\n\n" + table(("check", "what must hold"), rows)


def traits() -> Sequence[tuple[str, ...]]:
    """A row for each trait."""
    rows = []
    for row in TABLE:
        values = row.metadata["values"]
        kind = str(row.type).removesuffix(" | None")
        told = ", ".join(f"`{value}`" for value in values) if values else kind.partition("[")[0]
        rows.append((f"`{row.name}`", told, row.metadata["meaning"]))
    return rows


def fields() -> Iterator[str]:
    """A table for each part of the document."""
    named = msgspec.json.schema(document.Document)["$defs"]
    parts = [getattr(document, name) for name in named if name != "Document"]
    for part in (document.Document, *parts):
        rows = [(f"`{name}`", *_field(schema)) for name, schema in _properties(part).items()]
        yield f"### {part.__name__}\n\n{inspect.cleandoc(part.__doc__ or '')}\n\n" + table(
            ("field", "type", "meaning"), rows
        )


def _properties(part: type[msgspec.Struct]) -> dict[str, Any]:
    schema = msgspec.json.schema(part)
    return dict(schema["$defs"][part.__name__]["properties"])


def _field(schema: dict[str, Any]) -> tuple[str, str]:
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2], ""
    if "anyOf" in schema:
        kinds = [_field(one)[0] for one in schema["anyOf"]]
        return " or ".join(kinds), schema.get("description", "")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"]), schema.get("description", "")
    if schema.get("type") == "array" and "items" in schema:
        return f"list of {_field(schema['items'])[0]}", schema.get("description", "")
    return str(schema.get("type", "any")), schema.get("description", "")


if __name__ == "__main__":
    sys.stdout.write(reference())
