"""Charts of speed: throughput against the copy limit, and the time of a batch."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

from .digest import one_line
from .document import BATCH_SHARES, Document, Throughput
from .drawing import BLUE, INK, RED, table, themed, to_svg
from .units import count, interval, microseconds, percent, rate, shape

if TYPE_CHECKING:
    import altair as alt

_STEP = 40  # px a subject
_LOG_FROM = 15.0  # largest over smallest from which on a linear scale hides the small ones
Rows = list[tuple[str, Throughput]]


def by_shape(document: Document) -> dict[tuple[int, int], Rows]:
    """The measured rows with their subjects' names, one list a batch shape, fastest first."""
    groups: dict[tuple[int, int], Rows] = {}
    for subject in document.subjects:
        for row in subject.throughput:
            if row.tokens_per_s is not None and math.isfinite(row.tokens_per_s) and row.tokens_per_s > 0:
                groups.setdefault((row.batch_size, row.seq_len), []).append((one_line(subject.name, 80), row))
    for rows in groups.values():
        rows.sort(key=lambda pair: -(pair[1].tokens_per_s or 0))
    return groups


def throughput_chart(rows: Rows, ident: str, width: int = 520) -> str:
    """SVG of the medians of one batch shape with their intervals, the copy limit as a dashed rule."""
    import altair as alt

    limit = next((row for _, row in rows if row.limit_tokens_per_s), None)
    ends = [value for _, row in rows for value in (row.tokens_per_s, row.low, row.high)]
    ends += [limit.limit_tokens_per_s, limit.limit_low, limit.limit_high] if limit else []
    scale, ticks = _scale([value for value in ends if value])
    axis = alt.Axis(values=ticks, labelExpr=_RATE_LABEL, grid=True, title="tokens/s", ticks=False)
    tables = {
        "points": [_point(place, name, row, width) for place, (name, row) in enumerate(rows)],
        "limit": _limit(limit),
    }
    layers = _limit_layers(scale) if tables["limit"] else []
    layers += _interval_layers(alt.X("low:Q", scale=scale, axis=axis), scale)
    words = "; ".join(_spoken(name, row) for name, row in rows)
    note = f" Copy limit {rate(limit.limit_tokens_per_s)}." if limit else ""
    title = f"Throughput at {shape(rows[0][1].batch_size, rows[0][1].seq_len)} tokens a batch"
    chart = themed(layers, width, _STEP * len(rows), title)
    return to_svg(
        chart, tables, ident, title, f"Median tokens per second with 95 % intervals. {words}.{note}"
    )


def latency_chart(rows: Rows, ident: str, width: int = 520) -> str:
    """SVG of how the times of single batches are distributed; empty if none was measured.

    A thin line from the 1st to the 99th percentile, a bar over the middle half, a tick at the median, and
    a ring at the slowest batch of all. A row without its quantiles shows median and 99th percentile.
    """
    import altair as alt

    timed = [(name, row) for name, row in rows if row.batch_p50_us and row.batch_p99_us]
    if not timed:
        return ""
    points = [_latency(place, name, row, width) for place, (name, row) in enumerate(timed)]
    scale, ticks = _scale([point[end] for point in points for end in ("low", "top")])
    title = "1st to 99th percentile (line), middle half (bar), median (tick), slowest (ring)"
    axis = alt.Axis(values=ticks, grid=True, title=_wrapped(title, width), ticks=False, labelExpr=_TIME_LABEL)
    base = alt.Chart(table("points")).encode(y=_rows_axis(), description="tip:N")
    low = alt.X("low:Q", scale=scale, axis=axis)
    at = {end: alt.X(f"{end}:Q", scale=scale) for end in ("p25", "p50", "top")}
    layers = [
        base.mark_rule(color=BLUE, strokeWidth=2, aria=True).encode(x=low, x2="p99:Q"),
        base.mark_bar(color=BLUE, height=9, opacity=0.55, minBandSize=1, aria=True).encode(
            x=at["p25"], x2="p75:Q"
        ),
        base.mark_tick(color=BLUE, thickness=3, size=12, aria=True).encode(x=at["p50"]),
        base.mark_point(color=BLUE, size=40, opacity=1, filled=False, aria=True).encode(x=at["top"]),
        *_labels(alt.Chart(table("points")).encode(y=_rows_axis())),
    ]
    title = f"Time of one batch of {shape(rows[0][1].batch_size, rows[0][1].seq_len)}"
    words = "; ".join(f"{name}: {_times(row)}" for name, row in timed)
    return to_svg(themed(layers, width, _STEP * len(timed), title), {"points": points}, ident, title, words)


_RATE_LABEL = "datum.value == 0 ? '0' : format(datum.value, '~s')"
# Vega's own SI format would call a microsecond "1µ" only if it were given seconds.
_TIME_LABEL = (
    "datum.value == 0 ? '0' : datum.value >= 1e6 ? format(datum.value / 1e6, '~r') + ' s' : "
    "datum.value >= 1e3 ? format(datum.value / 1e3, '~r') + ' ms' : format(datum.value, '~r') + ' µs'"
)


def _scale(values: list[float]) -> tuple[alt.Scale, list[float]]:
    """Log where the values differ much (the ticks powers of ten), else linear from zero."""
    import altair as alt

    low, high = min(values), max(values)
    if high / low < _LOG_FROM:
        step = _step(high * 1.08 / 5)
        ticks = [step * place for place in range(math.ceil(high * 1.08 / step) + 1)]
        return alt.Scale(type="linear", domain=[0, ticks[-1]], nice=False), ticks
    floor, top = low * 0.7, high * 1.3
    powers = range(math.floor(math.log10(floor)), math.ceil(math.log10(top)) + 1)
    steps = (1, 2, 5) if math.log10(top / floor) < 1.8 else (1,)
    ticks = [step * 10.0**power for power in powers for step in steps]
    ticks = [tick for tick in ticks if floor <= tick <= top]
    return alt.Scale(type="log", domain=[floor, top], nice=False), ticks


def _step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50, ... that is not below ``least``."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least)


def _rows_axis() -> alt.Y:
    """One band a row; the names stand above their lines, so that long ones need no margin."""
    import altair as alt

    return alt.Y("place:O", axis=None, sort="ascending")


def _limit(row: Throughput | None) -> list[dict[str, Any]]:
    if row is None or row.limit_tokens_per_s is None:
        return []
    median = row.limit_tokens_per_s
    label = f"copy limit {count(median)}"
    return [
        {"low": row.limit_low or median, "median": median, "high": row.limit_high or median, "label": label}
    ]


def _limit_layers(scale: alt.Scale) -> list[Any]:
    import altair as alt

    base = alt.Chart(table("limit"))
    at = alt.X("median:Q", scale=scale)
    return [
        base.mark_rect(color=INK, opacity=0.12).encode(x=alt.X("low:Q", scale=scale), x2="high:Q"),
        base.mark_rule(color=INK, strokeDash=[5, 4], strokeWidth=1.5, opacity=0.8).encode(x=at),
        base.mark_text(color=INK, align="right", dx=-1, dy=-6, baseline="bottom", fontSize=11).encode(
            x=at, y=alt.value(0), text="label:N"
        ),
    ]


def _interval_layers(low: alt.X, scale: alt.Scale) -> list[Any]:
    import altair as alt

    base = alt.Chart(table("points")).encode(
        y=_rows_axis(),
        description="tip:N",
        color=alt.Color("void:N", scale=alt.Scale(domain=[False, True], range=[BLUE, RED]), legend=None),
    )
    # The interval is a band and the median a tick across it: both show where the interval is narrow.
    median = alt.X("median:Q", scale=scale)
    crossed = base.transform_filter("datum.void").mark_point(
        filled=True, size=90, shape="cross", angle=45, opacity=1, aria=True
    )
    return [
        base.mark_bar(height=8, opacity=0.5, minBandSize=1, aria=True).encode(x=low, x2="high:Q"),
        base.mark_tick(thickness=2.5, size=12, opacity=1, aria=True).encode(x=median),
        crossed.encode(x=median),
        *_labels(alt.Chart(table("points")).encode(y=_rows_axis())),
    ]


def _labels(base: alt.Chart) -> list[Any]:
    """The subject's name and number above its line, at the left, where few marks are."""
    import altair as alt

    text = base.mark_text(color=INK, align="left", baseline="bottom", dy=-7, fontSize=11)
    return [text.encode(x=alt.value(0), text="label:N")]


def _point(place: int, name: str, row: Throughput, width: int) -> dict[str, Any]:
    median = row.tokens_per_s or 0.0
    words = count(median) + (f", void: {one_line(row.struck_by, 24)}" if row.struck_by else "")
    return {
        "place": place,
        "label": _fitting(name, words, width),
        "median": median,
        "low": row.low or median,
        "high": row.high or median,
        "void": bool(row.struck_by),
        "tip": _spoken(name, row),
    }


def _latency(place: int, name: str, row: Throughput, width: int) -> dict[str, Any]:
    p50, p99 = row.batch_p50_us or 1.0, row.batch_p99_us or 1.0
    at = dict(zip(BATCH_SHARES, row.batch_quantiles_us, strict=False))
    return {
        "place": place,
        "label": _fitting(name, f"{microseconds(p50)} to {microseconds(p99)}", width),
        "tip": f"{name}: {_times(row)}",
        "low": at.get(0.01, p50),
        "p25": at.get(0.25, p50),
        "p50": p50,
        "p75": at.get(0.75, p50),
        "p99": p99,
        "top": at.get(1.0, p99),
    }


def _times(row: Throughput) -> str:
    """The distribution in words."""
    slowest = f", slowest {microseconds(row.batch_quantiles_us[-1])}" if row.batch_quantiles_us else ""
    return f"p50 {microseconds(row.batch_p50_us)}, p99 {microseconds(row.batch_p99_us)}{slowest}"


def _wrapped(text: str, width: int) -> list[str]:
    """An axis title on as many lines as it needs: a letter takes about 6 px."""
    return textwrap.wrap(text, int(width / 6))


def _fitting(name: str, words: str, width: int) -> str:
    """Name and number on one line, the name shortened where needed: a letter takes about 6.2 px."""
    room = max(8, int(width / 6.2) - len(words) - 3)
    return f"{name if len(name) <= room else name[: room - 1] + '…'}\N{EM SPACE}{words}"


def _spoken(name: str, row: Throughput) -> str:
    void = f", void because {row.struck_by} failed" if row.struck_by else ""
    spread = interval(row.tokens_per_s, row.low, row.high)
    share = f", {percent(row.limit_share)} of the limit" if row.limit_share else ""
    return f"{name}: {rate(row.tokens_per_s)} ({spread}, n = {row.rounds}){share}{void}"
