"""The chart of feeding: how busy each loader keeps the accelerator, alone and behind Prefetch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .digest import one_line
from .drawing import BLUE, GREEN, INK, table, themed, to_svg
from .feeding import between, step, tenths
from .units import shape

if TYPE_CHECKING:
    from .document import Document, Feeding

_STEP = 40  # px a row
Rows = list[tuple[str, "Feeding"]]


def feeding_charts(document: Document, width: int, ident: str) -> list[str]:
    """SVG of each batch shape and step; rows in the order of the document, void ones left out."""
    groups: dict[tuple[int, int, float], Rows] = {}
    for subject in document.subjects:
        for row in subject.feeding:
            if row.utilisation is not None and not row.struck_by:
                key = row.batch_size, row.seq_len, row.step_s
                groups.setdefault(key, []).append((one_line(subject.name, 80), row))
    return [_chart(rows, width, f"f{place}-{ident}") for place, rows in enumerate(groups.values())]


def _chart(rows: Rows, width: int, ident: str) -> str:
    import altair as alt

    first = rows[0][1]
    names = list(dict.fromkeys(name for name, _ in rows))
    tables = {
        "points": [_point(names.index(name), row) for name, row in rows],
        "names": [_label(place, name, rows, width) for place, name in enumerate(names)],
        "ceiling": [{"at": first.ceiling_utilisation or 1.0}],
    }
    scale = alt.Scale(domain=[0, 1], nice=False)
    axis = alt.Axis(format="%", grid=True, ticks=False, tickCount=5, title="accelerator busy")
    place = alt.Y("place:O", axis=None, sort="ascending")
    points = alt.Chart(table("points")).encode(
        y=place,
        color=alt.Color("kind:N", scale=alt.Scale(domain=_KINDS, range=[BLUE, GREEN]), legend=alt.Legend()),
    )
    low = alt.X("low:Q", scale=scale, axis=axis)
    layers = [
        alt.Chart(table("ceiling"))
        .mark_rule(color=INK, strokeDash=[5, 4], strokeWidth=1.5, opacity=0.8)
        .encode(x=alt.X("at:Q", scale=scale)),
        points.mark_bar(height=8, opacity=0.5, minBandSize=1).encode(x=low, x2="high:Q"),
        points.mark_tick(thickness=2.5, size=14, opacity=1).encode(x=alt.X("median:Q", scale=scale)),
        alt.Chart(table("names"))
        .mark_text(color=INK, align="left", baseline="bottom", dy=-6, fontSize=11)
        .encode(y=place, x=alt.value(0), text="label:N"),
    ]
    title = f"Accelerator busy: {step(first)} a step, {shape(first.batch_size, first.seq_len)}"
    spoken = "; ".join(f"{name}{_behind(row)}: {_words(row)}" for name, row in rows)
    note = f" Without a loader {tenths(first.ceiling_utilisation)}, the dashed line."
    words = f"Share of the time in which the accelerator computes, with 95 % intervals. {spoken}.{note}"
    return to_svg(themed(layers, width, _STEP * len(names), title), tables, ident, title, words)


_KINDS = ["loader alone", "behind Prefetch"]


def _behind(row: Feeding) -> str:
    return " behind Prefetch" if row.prefetch else ""


def _words(row: Feeding) -> str:
    return f"{tenths(row.utilisation)} ({between(row.utilisation_low, row.utilisation_high)})"


def _point(place: int, row: Feeding) -> dict[str, Any]:
    middle = row.utilisation or 0.0
    return {
        "place": place,
        "kind": _KINDS[bool(row.prefetch)],
        "median": middle,
        "low": row.utilisation_low if row.utilisation_low is not None else middle,
        "high": row.utilisation_high if row.utilisation_high is not None else middle,
    }


def _label(place: int, name: str, rows: Rows, width: int) -> dict[str, Any]:
    """The name and its numbers, shortened to the line: a letter takes about 6.2 px."""
    words = ", ".join(tenths(row.utilisation) for other, row in rows if other == name)
    room = max(8, int(width / 6.2) - len(words) - 3)
    short = name if len(name) <= room else name[: room - 1] + "…"
    return {"place": place, "label": f"{short}\N{EM SPACE}{words}"}
