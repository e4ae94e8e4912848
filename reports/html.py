"""The document as one HTML page: no network, no script, everything foreign escaped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .answers import sentence
from .digest import (
    SIGNS,
    WORDS,
    command,
    differing,
    evidence_text,
    exit_meaning,
    families,
    headline,
    one_line,
    plain,
    row,
)
from .html_measured import feeding_section, memory_section, scaling_section, speed_section, ways_section
from .measured_words import (
    memory_words,
    page_cache_words,
    survivor_words,
    transfer_reason,
    transfer_words,
    under_limit_words,
)
from .units import count, interval, microseconds, percent, quantity, seconds, shape

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from .document import Document

LIMIT = 2_000_000  # bytes of the page
_NOT_WELL = ("fail", "leak", "unknown")
_WORST_FIRST = (*_NOT_WELL, "skip", "pass")  # what needs somebody is told first
_MOST_COLUMNS = 8  # loaders side by side


@dataclass(frozen=True)
class _Detail:
    """How much of a large run the page holds; ``results.json`` always holds all."""

    memory_charts: int
    evidence: int  # characters a finding
    passes: bool  # the findings that passed or were skipped, one by one


_DETAILS = (
    _Detail(memory_charts=40, evidence=2000, passes=True),
    _Detail(memory_charts=12, evidence=600, passes=True),
    _Detail(memory_charts=6, evidence=200, passes=False),
    _Detail(memory_charts=0, evidence=0, passes=False),
)


def render_html(document: Document) -> str:
    """Return the page, at most 2 MB for any run of sane size: detail is left out, and said so, to keep it."""
    template = environment().get_template("report.html.jinja")
    view = _view(document)
    page = ""
    for detail in _DETAILS:
        page = template.render(view, detail=detail, shortened=detail is not _DETAILS[0])
        if len(page.encode()) <= LIMIT:
            break
    return page


@cache
def environment() -> Environment:
    """The templates with the filters and words they use; what is foreign is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "line": one_line,
        "name": breakable,
        "plain": plain,
        "count": count,
        "percent": percent,
        "us": microseconds,
        "s": seconds,
    }
    environment.globals |= {
        "SIGNS": SIGNS,
        "WORDS": WORDS,
        "evidence_text": evidence_text,
        "interval": interval,
        "memory_words": memory_words,
        "page_cache_words": page_cache_words,
        "quantity": quantity,
        "shape": shape,
        "survivor_words": survivor_words,
        "transfer_words": transfer_words,
        "under_limit_words": under_limit_words,
    }
    return environment


def _view(document: Document) -> dict[str, Any]:
    """What the template shows, every list in its final order, every id made here."""
    columns = families(document)
    subjects = [
        {
            "id": f"s{place}",
            "subject": subject,
            "status": subject.status(),
            "sentence": one_line(sentence(subject), 600),
            "cells": [
                {"id": f"s{place}-f{at}", "cell": cell, "short": _short(cell.verdict, cell.counts)}
                for at, cell in enumerate(row(subject, columns))
            ],
            "memory": _worst([entry.verdict for entry in subject.memory]),
            "transfer": _worst([entry.verdict for entry in subject.transfer]),
            "open": subject.status() in _NOT_WELL,
        }
        for place, subject in enumerate(document.subjects)
    ]
    return {
        "document": document,
        "headline": headline(document),
        "exit": exit_meaning(document),
        "command": command(document),
        "settings": {name: value for name, value in document.config.items() if name != "command"},
        "columns": columns,
        "subjects": subjects,
        "answers": sorted(subjects, key=lambda entry: _WORST_FIRST.index(entry["status"])),
        "names": [subject.name for subject in document.subjects],
        "differing": differing(document) if len(subjects) <= _MOST_COLUMNS else [],
        "speed_charts": speed_section(document),
        "scaling": scaling_section(document),
        "feeding": feeding_section(document),
        "memory": memory_section(document.subjects, _DETAILS[0].memory_charts),
        "transfer_reason": transfer_reason(document),
        "ways": ways_section(document),
    }


def breakable(name: object, limit: int = 80) -> Markup:
    """A foreign name on one line, escaped, that may break after its punctuation and not within a word."""
    from markupsafe import Markup, escape

    parts = re.split(r"(?<=[_./:=,\[-])", one_line(name, limit))
    return Markup("<wbr>").join(escape(part) for part in parts if part)


def _short(verdict: str, counts: dict[str, int]) -> str:
    """The number in a matrix cell: how many of those judged, where not all agree."""
    judged = sum(number for name, number in counts.items() if name != "skip")
    number = counts.get(verdict, 0)
    if verdict in {"skip", "none"}:
        return ""
    return str(number) if number == judged else f"{number} of {judged}"


def _worst(verdicts: list[str]) -> str:
    """The worst verdict of several measurements of one kind, or none."""
    order = ("leak", "fail", "undecided", "clean", "pass", "not_measured")
    return min(verdicts, key=order.index, default="none")
