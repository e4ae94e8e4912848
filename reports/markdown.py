"""The document as Markdown: for a file, a pull request, or the summary page of a CI step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .answers import sentence
from .digest import SIGNS, command, evidence_text, exit_meaning, families, headline, row
from .document import Document, Finding
from .markdown_measured import feeding_part, memory_part, scaling_part, throughput_part, transfer_part
from .markdown_text import as_table, code, escape, fenced

if TYPE_CHECKING:
    from collections.abc import Mapping

STEP_SUMMARY_LIMIT = 1024 * 1024  # bytes; GitHub drops a longer summary whole


def render_markdown(document: Document) -> str:
    """Return the report as GitHub-flavoured Markdown, the most important line first."""
    if document.gate is not None:
        from .gate_markdown import render_gate

        return render_gate(document)
    parts = [
        f"# Loadstone: {headline(document)}",
        "\n".join(_answers(document)),
        _matrix(document),
        *_findings(document),
        throughput_part(document),
        scaling_part(document),
        feeding_part(document),
        memory_part(document),
        transfer_part(document),
        environment(document),
        f"## How to repeat it\n\n{fenced(command(document), 'sh')}\n\n{exit_meaning(document)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def append_step_summary(document: Document, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Append the report to the file named by ``GITHUB_STEP_SUMMARY``, and return that file.

    The step's summary stays under 1 MiB, what earlier commands wrote included. Returns None, and
    writes nothing, where the variable is not set.

    Raises:
        UsageError: the file cannot be written.
    """
    name = environ.get("GITHUB_STEP_SUMMARY", "")
    if not name:
        return None
    path = Path(name)
    try:
        used = path.stat().st_size if path.exists() else 0
        with path.open("ab") as file:
            file.write(shortened(render_markdown(document), STEP_SUMMARY_LIMIT - 1 - used))
    except OSError as error:
        raise UsageError(
            f"{path}, named by GITHUB_STEP_SUMMARY, cannot be written: {error.strerror}; unset the variable."
        ) from error
    return path


def shortened(text: str, limit: int) -> bytes:
    """Cut Markdown at a line so that it takes at most ``limit`` bytes, and say so."""
    whole = text.encode()
    if len(whole) <= limit:
        return whole
    note = (
        "\n\n</details>\n\n*Cut here: the step summary may hold 1 MiB. The whole report is in report.md.*\n"
    )
    room = limit - len(note.encode()) - len("\n```")  # a code block that is cut has to be closed
    if room <= 0:
        return b""
    cut = whole[:room].decode(errors="ignore").rpartition("\n")[0]
    still_open = cut.count("<details>") > cut.count("</details>")
    if cut.count("\n```") % 2:
        cut += "\n```"
    return (cut + (note if still_open else note.replace("</details>\n\n", ""))).encode()


def _answers(document: Document) -> list[str]:
    return [f"- {SIGNS[s.status()]} {code(s.name)} {escape(sentence(s))}" for s in document.subjects]


def _matrix(document: Document) -> str:
    columns = families(document)
    if not columns:
        return ""
    rows = []
    for subject in document.subjects:
        cells = [f"{SIGNS[cell.verdict]} {cell.spoken}".strip() for cell in row(subject, columns)]
        rows.append([code(subject.name), *cells])
    head = ["Loader", *(escape(column) for column in columns)]
    return f"## Verdicts\n\n{as_table(head, rows, left=len(head))}"


def _findings(document: Document) -> list[str]:
    bad = {"fail", "unknown"}
    parts = []
    for subject in document.subjects:
        found = [finding for finding in subject.checks if finding.verdict in bad]
        if found:
            parts.append("\n\n".join([f"### {code(subject.name)}", *(_finding(entry) for entry in found)]))
    return ["## What failed, and why", *parts] if parts else []


def _finding(finding: Finding) -> str:
    lines = [f"- {SIGNS[finding.verdict]} **{code(finding.id)}** {escape(finding.reason)}"]
    if finding.diagnosis:
        lines.append(f"  - Likely cause: {escape(finding.diagnosis)}")
    if finding.smallest:
        lines.append(f"  - Smallest case: {escape(finding.smallest)}")
    if finding.resembles:
        lines.append(f"  - Resembles: {escape(finding.resembles)}")
    if finding.evidence:
        block = fenced(evidence_text(finding.evidence)).replace("\n", "\n  ")
        lines.append(f"\n  <details><summary>Evidence</summary>\n\n  {block}\n\n  </details>")
    return "\n".join(lines)


def environment(document: Document) -> str:
    """Where it ran, as a table."""
    facts = {**document.machine.identity, **document.machine.notes, "seed": document.seed, **document.data}
    rows = [[escape(name), code(value)] for name, value in facts.items()]
    return (
        f"## Environment\n\n{as_table(['What', 'Value'], rows, left=2)}\n\nMade {escape(document.created)}."
    )
