"""Charts of memory over batches: live bytes with the floors they are judged by, and RSS by its kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .drawing import BLUE, GREEN, INK, PURPLE, RED, table, themed, to_svg
from .measured_words import memory_words
from .units import quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt

    from .document import Memory, MemorySeries

POINTS = 200  # at most, in one line
_HEIGHT = 130
_SCALES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_KINDS = (("rss_anon_bytes", "anonymous"), ("rss_file_bytes", "file"), ("rss_shmem_bytes", "shared"))


def live_chart(memory: Memory, name: str, ident: str, width: int = 330) -> str:
    """SVG of live bytes above their lowest value, the floor of each round marked; empty without samples."""
    import altair as alt

    batches, live = memory.series.batch, memory.series.live_bytes
    if not live or len(live) != len(batches):
        return ""
    lowest = min(live)
    span = _span(memory, max(live) - lowest)
    factor, unit = next((factor, unit) for factor, unit in _SCALES if span >= factor)
    line = [{"batch": batches[n], "size": (live[n] - lowest) / factor} for n in extremes(live)]
    dots = [{"batch": batch, "size": (size - lowest) / factor} for batch, size in floors(memory)]
    at = _along()
    low = min([0.0, *(dot["size"] for dot in dots)])
    up = alt.Y(
        "size:Q",
        title=None,
        axis=alt.Axis(tickCount=4, ticks=False, domain=False),
        scale=alt.Scale(domain=[low, span / factor], nice=False),
    )
    tint = RED if memory.verdict == "leak" else BLUE
    layers = [alt.Chart(table("line")).mark_line(color=tint, strokeWidth=1.5).encode(x=at, y=up)]
    if dots and memory.bytes_per_batch:
        ends = {"fitted": fitted(memory, dots, factor)}
        layers.append(
            alt.Chart(table("fitted")).mark_line(color=INK, strokeDash=[5, 4], opacity=0.7).encode(x=at, y=up)
        )
    else:
        ends = {}
    if dots:
        marks = (
            alt.Chart(table("floors"))
            .mark_point(color=INK, shape="diamond", size=36, opacity=0.9)
            .encode(x=at, y=up)
        )
        layers.append(marks)
    title = f"Live bytes above {quantity(lowest, 'B')}, {unit}; ◇ floor of a round"
    if ends:
        title += f", - - {memory_words(memory).removeprefix('leak ')}"
    described = (
        f"{name}: {memory_words(memory)}; live bytes rose by {quantity(max(live) - lowest, 'B')} at most."
    )
    return to_svg(
        themed(layers, width, _HEIGHT, title),
        {"line": line, "floors": dots, **ends},
        ident,
        f"Live memory of {name}",
        described,
    )


def _along() -> alt.X:
    """The axis of batches, which both charts have."""
    import altair as alt

    axis = alt.Axis(tickCount=5, grid=False, format=",d")
    return alt.X("batch:Q", title="batches", axis=axis, scale=alt.Scale(nice=False))


def rss_chart(memory: Memory, name: str, ident: str, width: int = 330) -> str:
    """SVG of resident memory stacked by kind: anonymous, file-backed, shared; empty without samples."""
    import altair as alt

    series = memory.series
    kinds = [(label, values) for field, label in _KINDS if any(values := _column(series, field))]
    if not kinds:
        return ""
    peak = max(map(sum, zip(*(values for _, values in kinds), strict=True)))
    factor, unit = next(((factor, unit) for factor, unit in _SCALES if peak >= factor), (1.0, "B"))
    rows = [
        {"batch": series.batch[n], "size": values[n] / factor, "kind": label, "order": order}
        for order, (label, values) in enumerate(kinds)
        for n in evenly(len(series.batch))
    ]
    labels = [label for label, _ in kinds]
    palette = dict(zip(("anonymous", "file", "shared"), (BLUE, GREEN, PURPLE), strict=True))
    area = (
        alt.Chart(table("rows"))
        .mark_area(opacity=0.9)
        .encode(
            x=_along(),
            y=alt.Y(
                "size:Q", title=None, stack="zero", axis=alt.Axis(tickCount=4, ticks=False, domain=False)
            ),
            color=alt.Color(
                "kind:N",
                sort=labels,
                scale=alt.Scale(domain=labels, range=[palette[label] for label in labels]),
            ),
            order="order:Q",
        )
    )
    chart = themed([area], width, _HEIGHT - 22, f"Resident memory by kind, {unit}")
    words = ", ".join(
        f"{label} {quantity(values[0], 'B')} to {quantity(values[-1], 'B')}" for label, values in kinds
    )
    return to_svg(
        chart, {"rows": rows}, ident, f"Resident memory of {name}", f"First to last sample: {words}."
    )


def fitted(memory: Memory, dots: Sequence[dict[str, float]], factor: float) -> list[dict[str, float]]:
    """The ends of the line of the judged rate, through the middle of the floors."""
    middle = {name: sum(dot[name] for dot in dots) / len(dots) for name in ("batch", "size")}
    rate = (memory.bytes_per_batch or 0.0) / factor
    return [
        {"batch": dot["batch"], "size": middle["size"] + rate * (dot["batch"] - middle["batch"])}
        for dot in (dots[0], dots[-1])
    ]


def floors(memory: Memory) -> list[tuple[int, int]]:
    """Where to draw the floor of each round: at the sample that is that floor, else at even distances.

    Rounds are equal parts of the batches past the warm-up; a document that does not tell where that
    ends leaves out a quarter.
    """
    batches, live = memory.series.batch, memory.series.live_bytes
    count = len(memory.floors_bytes)
    judged = [n for n, batch in enumerate(batches) if batch > memory.judged_from]
    start = judged[0] if memory.judged_from and judged else len(live) // 4
    placed = []
    for part, floor in enumerate(memory.floors_bytes):
        low = start + (len(live) - start) * part // count
        high = max(low + 1, start + (len(live) - start) * (part + 1) // count)
        here = range(low, min(high, len(live)))
        nearest = min(here, key=lambda n: abs(live[n] - floor), default=len(live) - 1)
        placed.append((batches[nearest], floor))
    return placed


def extremes(values: Sequence[int], points: int = POINTS) -> list[int]:
    """Indices of at most ``points`` samples that keep every bucket's lowest and highest value."""
    if len(values) <= points:
        return list(range(len(values)))
    buckets = points // 2
    kept: set[int] = set()
    for part in range(buckets):
        bucket = range(len(values) * part // buckets, len(values) * (part + 1) // buckets)
        kept |= {min(bucket, key=values.__getitem__), max(bucket, key=values.__getitem__)}
    return sorted(kept)


def evenly(count: int, points: int = POINTS // 2) -> list[int]:
    """Indices of at most ``points`` samples at even distances, the first and the last included."""
    if count <= points:
        return list(range(count))
    return [round(part * (count - 1) / (points - 1)) for part in range(points)]


def _span(memory: Memory, rise: int) -> float:
    """Height of the axis in bytes: noise far below what a leak would be must not look like one."""
    visible = (memory.visible_from or 0.0) * memory.batches
    return max(rise * 1.05, 2 * visible, 65_536.0)


def _column(series: MemorySeries, field: str) -> list[int]:
    values: list[int] = getattr(series, field)
    return values if len(values) == len(series.batch) else []
