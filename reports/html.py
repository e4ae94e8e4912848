"""The document as one HTML page: no network, no script, everything foreign escaped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .answers import sentence
from .charts import by_shape, latency_chart, throughput_chart
from .digest import (
    SIGNS,
    WORDS,
    command,
    differing,
    evidence_text,
    exit_meaning,
    families,
    headline,
    memory_words,
    one_line,
    page_cache_words,
    plain,
    row,
    survivor_words,
    transfer_reason,
    transfer_words,
    under_limit_words,
)
from .feeding import HEAD, NOTE, RATES_NOTE, feeding_rows, feeds_head, feeds_rows
from .feeding_chart import feeding_charts
from .memory_charts import live_chart, rss_chart
from .resource_charts import steps_chart, survivors_chart
from .scaling import NOTE as SCALING_NOTE
from .scaling import by_axis, cells, heading, reasons, table_head
from .scaling_chart import scaling_charts
from .transfer import HEAD as WAYS_HEAD
from .transfer import NOTE as WAYS_NOTE
from .transfer import compared, limit_words
from .transfer import rows as ways_rows
from .transfer_chart import timeline_chart, ways_chart
from .units import count, interval, microseconds, percent, quantity, seconds, shape

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from .document import Document, Subject

LIMIT = 2_000_000  # bytes of the page
_WIDE, _NARROW = 520, 320  # px; the style sheet shows the one that fits
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
        "speed_charts": _speed_charts(document),
        "scaling": _scaling(document),
        "feeding": _feeding(document),
        "memory": _memory(document.subjects),
        "transfer_reason": transfer_reason(document),
        "ways": _ways(document),
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


def _speed_charts(document: Document) -> list[dict[str, Any]]:
    """For each batch shape both charts, each drawn wide and narrow."""
    from markupsafe import Markup

    charts = []
    for place, (size, rows) in enumerate(by_shape(document).items()):
        drawn = {
            f"{name}_{size_name}": Markup(draw(rows, f"c{place}-{name}-{size_name}", width))
            for name, draw in (("rate", throughput_chart), ("time", latency_chart))
            for size_name, width in (("wide", _WIDE), ("narrow", _NARROW))
        }
        charts.append({"shape": shape(*size), **drawn})
    return charts


def _scaling(document: Document) -> dict[str, Any]:
    """A table and, where something was measured, a chart of each axis."""
    from markupsafe import Markup

    tables = [
        {
            "name": heading(curves),
            "head": table_head(curves),
            "rows": cells(curves),
            "reasons": reasons(curves),
        }
        for curves in by_axis(document).values()
    ]
    charts = [
        {"wide": Markup(wide), "narrow": Markup(narrow)}
        for wide, narrow in zip(
            scaling_charts(document, _WIDE, "wide"), scaling_charts(document, _NARROW, "narrow"), strict=True
        )
    ]
    return {"tables": tables, "charts": charts, "note": SCALING_NOTE}


def _feeding(document: Document) -> dict[str, Any]:
    """The two tables with what their columns mean, and a chart of each step that was emulated."""
    from markupsafe import Markup

    feeds = {"name": "Accelerators kept busy", "head": feeds_head(), "note": RATES_NOTE}
    steps = {"name": "An emulated step", "head": HEAD, "note": NOTE}
    tables = [(feeds, feeds_rows(document)), (steps, feeding_rows(document))]
    charts = [
        {"wide": Markup(wide), "narrow": Markup(narrow)}
        for wide, narrow in zip(
            feeding_charts(document, _WIDE, "wide"), feeding_charts(document, _NARROW, "narrow"), strict=True
        )
    ]
    return {"tables": [{**one, "rows": rows} for one, rows in tables if rows], "charts": charts}


def _ways(document: Document) -> dict[str, Any]:
    """A table and both charts of every subject whose ways to the device were compared."""
    from markupsafe import Markup

    entries = [
        {
            "name": name,
            "limit": limit_words(entry),
            "rows": ways_rows(entry),
            "charts": [
                {size: Markup(draw(entry, name, f"x{place}-{part}-{size}", width))
                 for size, width in (("wide", _WIDE), ("narrow", _NARROW))}
                for part, draw in (("ways", ways_chart), ("steps", timeline_chart))
                if part == "ways" or entry.timeline
            ],
        }
        for place, (name, entry) in enumerate(compared(document))
    ]  # fmt: skip
    return {"entries": entries, "head": WAYS_HEAD, "note": WAYS_NOTE}


def _memory(subjects: list[Subject]) -> list[dict[str, Any]]:
    """One entry a measurement, what is not well first: the last ones go without charts in a large run."""
    from markupsafe import Markup

    pairs = [(one_line(subject.name, 80), entry) for subject in subjects for entry in subject.memory]
    order = ("leak", "undecided", "clean", "not_measured")
    pairs.sort(key=lambda pair: order.index(pair[1].verdict))
    entries = []
    for place, (name, entry) in enumerate(pairs):
        # One sample is no line: the chart of a loader that died at once would be empty.
        drawn = place < _DETAILS[0].memory_charts and len(entry.series.batch) > 1
        live = live_chart(entry, name, f"m{place}-live") if drawn else ""
        kinds = rss_chart(entry, name, f"m{place}-rss") if drawn else ""
        steps = steps_chart(entry, name, f"m{place}-steps") if drawn else ""
        born = survivors_chart(entry, name, f"m{place}-born") if drawn else ""
        entries.append(
            {
                "name": name,
                "entry": entry,
                "live": Markup(live),
                "rss": Markup(kinds),
                "more": [Markup(svg) for svg in (steps, born) if svg],
            }
        )
    return entries
