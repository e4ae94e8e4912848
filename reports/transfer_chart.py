"""Charts of transfer: bytes and GB/s of every way, and a time line of copies and computation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .drawing import BLUE, GREEN, INK, RED, table, themed, to_svg
from .transfer import way
from .units import microseconds, quantity

if TYPE_CHECKING:
    from .document import Transfer

_BAR = 22  # px
_LANES = 90  # px, both lanes


def ways_chart(entry: Transfer, name: str, ident: str, width: int) -> str:
    """SVG of the rate of every way, its bytes beside the bar, the link's limit dashed."""
    import altair as alt

    rows = [
        {
            "way": way(one),
            "rate": one.gbytes_per_s or 0.0,
            "bytes": quantity(one.bytes_per_batch, "B"),
            "dtype": one.dtype,
        }
        for one in entry.methods
    ]
    top = max([one.gbytes_per_s or 0.0 for one in entry.methods] + [entry.limit_gbytes_per_s or 1.0])
    x = alt.X("rate:Q", title="GB/s over the link", scale=alt.Scale(domain=[0, top * 1.15]))
    y = alt.Y("way:N", sort=None, title=None, axis=alt.Axis(labelLimit=width // 2))
    base = alt.Chart(table("ways"))
    colour = alt.Color("dtype:N", scale=alt.Scale(domain=["int64", "uint16"], range=[BLUE, GREEN]))
    layers = [
        base.mark_bar(height=_BAR * 0.6).encode(x=x, y=y, color=colour),
        base.mark_text(color=INK, align="left", dx=4, fontSize=11).encode(x=x, y=y, text="bytes:N"),
    ]
    tables = {"ways": rows}
    if entry.limit_gbytes_per_s is not None:
        tables["limit"] = [{"at": entry.limit_gbytes_per_s}]
        rule = alt.Chart(table("limit")).mark_rule(color=INK, strokeDash=[5, 4], strokeWidth=1.5)
        layers.append(rule.encode(x=alt.X("at:Q")))
    heading = f"{name}: ways to the device, GB/s and bytes a batch"
    words = "; ".join(f"{row['way']}: {row['rate']:.3g} GB/s, {row['bytes']}" for row in rows)
    limit = entry.limit_gbytes_per_s
    told = f"{words}. Link limit, dashed: {limit:.3g} GB/s." if limit is not None else f"{words}."
    return to_svg(themed(layers, width, _BAR * len(rows), heading), tables, ident, heading, told)


def timeline_chart(entry: Transfer, name: str, ident: str, width: int) -> str:
    """SVG of when the copies and the kernels of a few steps ran."""
    import altair as alt

    rows = [
        {"lane": span.lane, "step": str(span.step + 1), "begin": span.begin_us, "end": span.end_us}
        for span in entry.timeline
    ]
    base = alt.Chart(table("spans"))
    x = alt.X("begin:Q", title="µs")
    y = alt.Y("lane:N", sort=["copy", "compute"], title=None)
    colour = alt.Color("lane:N", scale=alt.Scale(domain=["copy", "compute"], range=[RED, BLUE]), legend=None)
    layers = [
        base.mark_bar(height=24, stroke=INK, strokeOpacity=0.4).encode(x=x, x2="end:Q", y=y, color=colour),
        base.mark_text(color=INK, align="left", dx=3, dy=-18, fontSize=11).encode(x=x, y=y, text="step:N"),
    ]
    heading = f"{name}: copies and computation of {len(rows) // 2} steps"
    words = "; ".join(
        f"{span.lane} {span.step + 1}: {microseconds(span.begin_us)} to {microseconds(span.end_us)}"
        for span in entry.timeline
    )
    return to_svg(themed(layers, width, _LANES, heading), {"spans": rows}, ident, heading, f"{words}.")
