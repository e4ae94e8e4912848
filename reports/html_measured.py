"""The measured sections of the page: tables in their final order, each chart drawn wide and narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .charts import by_shape, latency_chart, throughput_chart
from .digest import one_line
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
from .units import shape

if TYPE_CHECKING:
    from .document import Document, Subject

_WIDE, _NARROW = 520, 320  # px; the style sheet shows the one that fits


def speed_section(document: Document) -> list[dict[str, Any]]:
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


def scaling_section(document: Document) -> dict[str, Any]:
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


def feeding_section(document: Document) -> dict[str, Any]:
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


def ways_section(document: Document) -> dict[str, Any]:
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


def memory_section(subjects: list[Subject], charts: int) -> list[dict[str, Any]]:
    """One entry a measurement, what is not well first, and so many of them with their charts."""
    from markupsafe import Markup

    pairs = [(one_line(subject.name, 80), entry) for subject in subjects for entry in subject.memory]
    order = ("leak", "undecided", "clean", "not_measured")
    pairs.sort(key=lambda pair: order.index(pair[1].verdict))
    entries = []
    for place, (name, entry) in enumerate(pairs):
        # One sample is no line: the chart of a loader that died at once would be empty.
        drawn = place < charts and len(entry.series.batch) > 1
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
