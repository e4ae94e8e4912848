"""A history of results: one line a series on a terminal, a chart a series in a page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from .digest import one_line
from .drawing import BLUE, GREEN, INK, RED, Tables, table, themed, to_svg
from .units import figures

if TYPE_CHECKING:
    from rich.console import Console

_BARS: Final = "▁▂▃▄▅▆▇█"
_WIDEST: Final = 40  # results in a sparkline
CHART_WIDTH: Final = 760  # px


@dataclass(frozen=True)
class Result:
    """One result of a series.

    Attributes:
        created: UTC, ISO 8601.
        commit: short hash, empty where not known.
        value: higher is better.
    """

    created: str
    commit: str
    value: float


@dataclass(frozen=True)
class Change:
    """A new level: the place of its first result, and how far it rose, as a share."""

    at: int
    share: float


@dataclass(frozen=True)
class Series:
    """Results of one loader at one shape on one machine, oldest first."""

    name: str
    unit: str
    machine: str
    results: list[Result]
    changes: list[Change] = field(default_factory=list)

    @property
    def values(self) -> list[float]:
        """The numbers alone."""
        return [one.value for one in self.results]


def sparkline(values: Sequence[float]) -> str:
    """The last values as little bars.

    >>> sparkline([1.0, 2.0, 3.0])
    '▁▅█'
    """
    last = values[-_WIDEST:]
    low, high = min(last), max(last)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((one - low) * scale)] for one in last)


def change_words(series: Series, change: Change) -> str:
    """One change in words, with the commit that brought it."""
    first = series.results[change.at]
    by = f"by {first.commit}" if first.commit else "(no commit known)"
    return f"{first.created[:10]} {change.share * 100:+.1f} % {by}"


def print_history(out: Console, all_series: Sequence[Series]) -> None:
    """Print each series as a line, its changes below it."""
    for series in all_series:
        last = series.values[-1]
        out.print(Text(f"{one_line(series.name, 100)} ", style="bold").append(
            f"{sparkline(series.values)}  {figures(last)} {series.unit}  (n = {len(series.results)} results)",
            "none",
        ), soft_wrap=True)  # fmt: skip
        for change in series.changes:
            style = "red" if change.share < 0 else "green"
            out.print(Text(f"  {change_words(series, change)}", style=style), soft_wrap=True)


def render_history(all_series: Sequence[Series]) -> str:
    """A page of its own, with a chart for each series; nothing is fetched."""
    parts = [_section(series, f"h{place}") for place, series in enumerate(all_series)]
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Loadstone history</title>\n'
        "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;"
        "margin:2rem auto;padding:0 1rem}svg{max-width:100%;height:auto}</style>\n"
        "<h1>Loadstone history</h1>\n" + "\n".join(parts) + "\n</html>\n"
    )


def _section(series: Series, ident: str) -> str:
    said = "".join(f"<li>{html.escape(change_words(series, change))}</li>" for change in series.changes)
    changes = f"<p>Changes of level:</p><ul>{said}</ul>" if said else "<p>No change of level.</p>"
    title = html.escape(one_line(series.name, 100))
    machine = html.escape(one_line(series.machine, 300))
    return f"<h2>{title}</h2>\n{_chart(series, ident)}\n{changes}\n<p>Machine: {machine}</p>"


def _chart(series: Series, ident: str) -> str:
    import altair as alt

    points: list[dict[str, Any]] = [
        {"n": place, "value": one.value, "commit": one.commit, "created": one.created}
        for place, one in enumerate(series.results)
    ]
    changes: list[dict[str, Any]] = [
        {"n": change.at - 0.5, "label": f"{change.share * 100:+.1f} % {series.results[change.at].commit}",
         "kind": "worse" if change.share < 0 else "better"}
        for change in series.changes
    ]  # fmt: skip
    tables: Tables = {"points": points, "changes": changes}
    x = alt.X("n:Q", axis=alt.Axis(title="results, oldest first", tickMinStep=1, format="d"))
    y = alt.Y("value:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title=series.unit))
    colour = alt.Color("kind:N", scale=alt.Scale(domain=["worse", "better"], range=[RED, GREEN]), legend=None)
    base, marks = alt.Chart(table("points")).encode(x=x, y=y), alt.Chart(table("changes"))
    layers = [
        marks.mark_rule(strokeDash=[5, 4], strokeWidth=1.5).encode(x=x, color=colour),
        base.mark_line(color=BLUE, strokeWidth=1.5),
        base.mark_point(color=BLUE, filled=True, size=30, opacity=1),
        marks.mark_text(align="left", dx=4, fontSize=11, color=INK).encode(
            x=x, y=alt.value(8), text="label:N"
        ),
    ]
    title = f"{one_line(series.name, 80)}: {series.unit}"
    said = "; ".join(change_words(series, change) for change in series.changes) or "no change of level"
    described = f"{len(points)} results from {points[0]['created']} to {points[-1]['created']}: {said}."
    return to_svg(themed(layers, CHART_WIDTH, 220, title), tables, ident, title, described)
