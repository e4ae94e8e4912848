"""Scaling curves in words and cells: one table an axis, a row a loader, a column a point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .digest import one_line
from .units import MISSING, count, figures, interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .document import Document, Scaling

NAMES: Final = {
    "batch_size": "Batch size", "seq_len": "Row length", "corpus": "Corpus size",
    "row_group": "Row groups", "buffer_size": "Shuffle buffer", "workers": "Workers",
}  # fmt: skip
LIMIT: Final = "copy limit"
NOTE: Final = (
    "Tokens/s along each axis: median of few short rounds, and its 95 % interval. Only what stands in "
    "one column was measured in the same rounds, so compare down a column first."
)
Curves = list[tuple[str, "Scaling"]]


def by_axis(document: Document) -> dict[str, Curves]:
    """Every curve with its subject's name, one list an axis, in the order of the document."""
    axes: dict[str, Curves] = {}
    for subject in document.subjects:
        for one in subject.scaling:
            axes.setdefault(one.axis, []).append((one_line(subject.name, 80), one))
    order = [*NAMES, *axes]
    return dict(sorted(axes.items(), key=lambda pair: order.index(pair[0])))


def title(curves: Curves) -> str:
    """What the axis is called."""
    axis = curves[0][1].axis
    return NAMES.get(axis, one_line(axis, 40))


def heading(curves: Curves) -> str:
    """What the axis is called, and the unit of its values."""
    unit = one_line(curves[0][1].unit, 80)
    return f"{title(curves)} ({unit})" if unit else title(curves)


def points(curves: Curves) -> list[float]:
    """The values at which any loader was tried, ascending."""
    return sorted({value for _, one in curves for value in one.values})


def value_words(value: float) -> str:
    """A point of an axis, short.

    >>> value_words(64.0), value_words(10_000.0), value_words(1_468_321.0)
    ('64', '10,000', '1.47 M')
    """
    if value >= 100_000:
        return count(value)
    return f"{value:,.0f}" if value == int(value) else figures(value)


def limits(curves: Curves) -> dict[float, float]:
    """The copy limit at each point where it is known, tokens/s."""
    pairs = [pair for _, one in curves for pair in zip(one.values, one.limit_tokens_per_s, strict=False)]
    return {value: limit for value, limit in pairs if limit}


def table_head(curves: Curves) -> list[str]:
    """The headings of :func:`cells`."""
    return ["Loader", *map(value_words, points(curves)), "n"]


def cells(curves: Curves) -> list[list[str]]:
    """A row a loader that was measured, and last the limit."""
    at, limit = points(curves), limits(curves)
    rows = []
    for name, one in curves:
        if one.measured():
            void = f" void: {one_line(one.struck_by, 60)}" if one.struck_by else ""
            numbers = {value: _cell(one, place) for place, value in enumerate(one.values)}
            n = str(max(one.rounds, default=0))
            rows.append([name + void, *(numbers.get(value, MISSING) for value in at), n])
    if limit:
        rows.append([LIMIT, *(count(limit.get(value)) for value in at), ""])
    return rows


def _cell(one: Scaling, place: int) -> str:
    middle = one.tokens_per_s[place]
    if middle is None:
        return MISSING
    spread = interval(middle, one.low[place], one.high[place])
    return f"{count(middle)} ({spread})" if spread else count(middle)


def reasons(curves: Curves) -> list[str]:
    """A sentence for each reason why points are missing, the loaders that share it named together."""
    sharing: dict[str, list[str]] = {}
    for name, one in curves:
        if one.reason:
            sharing.setdefault(one_line(one.reason, 300).rstrip("."), []).append(name)
    return [f"Not measured: {', '.join(names)}: {why}." for why, names in sharing.items()]


def scaling_notes(document: Document) -> Iterator[str]:
    """For the terminal, a line an axis: its ends, and the rates that the loaders have there."""
    for curves in by_axis(document).values():
        at = points(curves)
        told = [f"{name} {_ends(one)}" for name, one in curves if one.measured() and not one.struck_by]
        if told:
            ends = " to ".join(dict.fromkeys((value_words(at[0]), value_words(at[-1]))))
            yield f"{heading(curves)}, {ends}: {'; '.join(told)} tokens/s."
        yield from reasons(curves)


def _ends(one: Scaling) -> str:
    rates = [count(rate) for rate in one.tokens_per_s if rate is not None]
    return " to ".join(dict.fromkeys((rates[0], rates[-1])))
