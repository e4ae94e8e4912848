"""Charts of what else is counted over batches, and of what survives by the generation it was born in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .drawing import BLUE, GREEN, INK, PURPLE, RED, table, themed, to_svg
from .memory_charts import evenly

if TYPE_CHECKING:
    from .document import Memory

_HEIGHT = 108
_SHOWN = (("files", "files", BLUE), ("mappings", "mappings", GREEN), ("threads", "threads", PURPLE),
          ("children", "processes", RED), ("segments", "segments", "#8a6d00"))  # fmt: skip


def steps_chart(memory: Memory, name: str, ident: str, width: int = 330) -> str:
    """SVG of descriptors, mappings, threads... above their first count; empty where none ever changed."""
    import altair as alt

    series = memory.series
    moved = [
        (label, values, tint) for field, label, tint in _SHOWN
        if len(values := getattr(series, field)) == len(series.batch) and len(set(values)) > 1
    ]  # fmt: skip
    if not moved:
        return ""
    rows = [
        {"batch": series.batch[n], "more": values[n] - values[0], "kind": label}
        for label, values, _ in moved
        for n in evenly(len(series.batch))
    ]
    labels = [label for label, _, _ in moved]
    line = (
        alt.Chart(table("rows"))
        .mark_line(interpolate="step-after", strokeWidth=1.5)
        .encode(
            x=alt.X(
                "batch:Q",
                title="batches",
                axis=alt.Axis(tickCount=5, grid=False, format=",d"),
                scale=alt.Scale(nice=False),
            ),
            y=alt.Y("more:Q", title=None, axis=alt.Axis(tickCount=4, ticks=False, domain=False)),
            color=alt.Color(
                "kind:N", sort=labels, scale=alt.Scale(domain=labels, range=[tint for _, _, tint in moved])
            ),
        )
    )
    words = ", ".join(f"{label} {values[0]:,} to {values[-1]:,}" for label, values, _ in moved)
    chart = themed([line], width, _HEIGHT, "More than at the first sample, count")
    return to_svg(chart, {"rows": rows}, ident, f"Resources of {name}", f"First to last sample: {words}.")


def survivors_chart(memory: Memory, name: str, ident: str, width: int = 330) -> str:
    """SVG of the objects of the named line by the generation they were born in; empty where none is named."""
    import altair as alt

    if not memory.survivors or not memory.survivors[0].by_generation:
        return ""
    named = memory.survivors[0]
    rows = [{"born": number + 1, "alive": count} for number, count in enumerate(named.by_generation)]
    bars = (
        alt.Chart(table("rows"))
        .mark_bar(color=RED, opacity=0.85, stroke=INK, strokeOpacity=0.3)
        .encode(
            x=alt.X(
                "born:O",
                title=f"generation of {named.batches} batches they were made in",
                axis=alt.Axis(labelAngle=0, ticks=False),
            ),
            y=alt.Y("alive:Q", title=None, axis=alt.Axis(tickCount=4, ticks=False, domain=False)),
        )
    )
    place = named.where.rpartition("/")[2]
    chart = themed([bars], width, _HEIGHT, f"Objects of {place} still alive")
    words = f"By generation: {', '.join(f'{count:,}' for count in named.by_generation)}."
    return to_svg(chart, {"rows": rows}, ident, f"Survivors of {name}", words)
