"""The chart of one scaling axis: a line a loader with its intervals, the copy limit dashed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .digest import one_line
from .drawing import BLUE, GREEN, INK, PURPLE, RED, table, themed, to_svg
from .scaling import LIMIT, Curves, by_axis, limits, points, title, value_words
from .units import count, interval, rate

if TYPE_CHECKING:
    import altair as alt

    from .document import Document, Scaling

_HEIGHT = 240  # px
_COLOURS = (BLUE, RED, GREEN, PURPLE)
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")  # with the colours, 20 pairs
_MOST = len(_COLOURS) * len(_SHAPES)  # lines in one chart; the table has all
_LETTER = 6.2  # px
_RATE_LABEL = "format(datum.value, '~s')"


def scaling_charts(document: Document, width: int, ident: str) -> list[str]:
    """SVG of each axis along which something was measured; without void curves and those past the 20th."""
    drawn: list[str] = []
    for axis, curves in by_axis(document).items():
        shown = [(name, one) for name, one in curves if any(one.tokens_per_s) and not one.struck_by]
        if shown:
            drawn.append(_chart(shown[:_MOST], width, f"g{len(drawn)}-{axis}-{ident}"))
    return drawn


def _chart(curves: Curves, width: int, ident: str) -> str:
    import altair as alt

    names = _short([name for name, _ in curves], width)
    limit = [{"at": value, "median": median} for value, median in sorted(limits(curves).items())]
    rows = [row for name, (_, one) in zip(names, curves, strict=True) for row in _points(name, one)]
    heights = [value for row in rows for value in (row["low"], row["high"])]
    x, y = (
        _x(points(curves), one_line(curves[0][1].unit, 50)),
        _y([*heights, *(row["median"] for row in limit)]),
    )
    base = alt.Chart(table("points")).encode(x=x)
    colour = alt.Color(
        "name:N", scale=alt.Scale(domain=names, range=_cycled(_COLOURS, names)), legend=_legend(width)
    )
    median = alt.Y("median:Q", **y)
    layers = [
        alt.Chart(table("limit"))
        .mark_line(color=INK, strokeDash=[5, 4], strokeWidth=1.5, opacity=0.8)
        .encode(x=x, y=median),
        alt.Chart(table("label"))
        .mark_text(color=INK, align="right", baseline="bottom", dy=-6, fontSize=11)
        .encode(x=x, y=median, text=alt.value(LIMIT)),
        base.mark_rule(strokeWidth=2, opacity=0.5).encode(y=alt.Y("low:Q", **y), y2="high:Q", color=colour),
        base.mark_line(strokeWidth=1.8).encode(y=median, color=colour),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            y=median,
            color=colour,
            shape=alt.Shape(
                "name:N", scale=alt.Scale(domain=names, range=_cycled(_SHAPES, names)), legend=_legend(width)
            ),
        ),
    ]
    heading = f"Tokens/s by {title(curves).lower()}"
    words = "Median tokens per second with 95 % intervals. " + "; ".join(_spoken(*pair) for pair in curves)
    note = f". Copy limit, dashed: {', '.join(rate(row['median']) for row in limit)}." if limit else "."
    tables = {"points": rows, "limit": limit, "label": limit[-1:]}
    return to_svg(themed(layers, width, _HEIGHT, heading), tables, ident, heading, words + note)


def _x(values: list[float], unit: str) -> alt.X:
    """Log, its ticks the points; linear where one of them is 0."""
    import altair as alt

    log = values[0] > 0 and values[-1] > values[0]
    room = 0.0 if log else 0.3
    domain = [values[0] / 1.3, values[-1] * 1.3] if log else [values[0] - room, values[-1] + room]
    scale = alt.Scale(type="log" if log else "linear", domain=domain, nice=False)
    labels = " : ".join(f"datum.value == {value!r} ? '{value_words(value)}'" for value in values)
    axis = alt.Axis(values=values, labelExpr=f"{labels} : ''", grid=False, title=unit)
    return alt.X("at:Q", scale=scale, axis=axis)


def _y(values: list[float]) -> dict[str, Any]:
    """Log; the ticks powers of ten, with 2 and 5 between them where few would show."""
    import altair as alt

    floor, top = min(values) * 0.8, max(values) * 2
    steps = (1,) if top / floor > 1000 else (1, 2, 5)
    powers = range(math.floor(math.log10(floor)), math.ceil(math.log10(top)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    axis = alt.Axis(
        values=[tick for tick in ticks if floor <= tick <= top],
        labelExpr=_RATE_LABEL, grid=True, ticks=False, title="tokens/s",
    )  # fmt: skip
    return {"scale": alt.Scale(type="log", domain=[floor, top], nice=False), "axis": axis}


def _legend(width: int) -> alt.Legend:
    """Two columns where there is room."""
    import altair as alt

    columns = 2 if width >= 480 else 1
    return alt.Legend(columns=columns, symbolOpacity=1, labelLimit=width // columns - 30)


def _cycled(kinds: tuple[str, ...], names: list[str]) -> list[str]:
    return [kinds[place % len(kinds)] for place in range(len(names))]


def _short(names: list[str], width: int) -> list[str]:
    """Names that fit into the legend, still each another."""
    room = int((width / (2 if width >= 480 else 1) - 40) / _LETTER)
    cut = [name if len(name) <= room else name[: room - 1] + "…" for name in names]
    return [name if cut.count(name) == 1 else f"{place + 1}. {name}" for place, name in enumerate(cut)]


def _points(name: str, one: Scaling) -> list[dict[str, Any]]:
    places = zip(one.values, one.tokens_per_s, one.low, one.high, strict=False)
    return [
        {"name": name, "at": at, "median": middle, "low": low or middle, "high": high or middle}
        for at, middle, low, high in places
        if middle
    ]


def _spoken(name: str, one: Scaling) -> str:
    told = [
        f"{value_words(row['at'])}: {count(row['median'])} "
        f"({interval(row['median'], row['low'], row['high'])})"
        for row in _points(name, one)
    ]
    return f"{name} at {', '.join(told)}"
