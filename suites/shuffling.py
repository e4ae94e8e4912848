"""How well a shuffle mixes: how far items move, and whether neighbours stay together."""

from __future__ import annotations

import numpy as np

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Ints, Missing
from .joins import documents_of

FEWEST = 30  # items below which the spread of a true shuffle is too wide to judge
WEAKEST = 0.5  # of the displacement that a shuffle of the stated span has; 6 sigma off at 60 items
MOST_TOGETHER = 0.5  # of neighbours that stay neighbours; past it whole blocks move


@check(
    "shuffle.displacement", "determinism",
    "Items move as far as the stated `shuffle_span` lets them (false alarms below once in a million).",
)  # fmt: skip
def shuffle_displacement(evidence: Evidence) -> Opinion:
    if evidence.traits.order not in ("shuffled", "reordered"):
        return skip("no shuffle of items is promised")
    places = _arrivals(evidence)
    if len(places) < FEWEST:
        return skip(f"only {len(places)} items were seen, too few to judge a shuffle by")
    size, span = len(places), evidence.traits.shuffle_span
    ranks = np.argsort(np.argsort(places))
    moved = float(np.abs(ranks - np.arange(size)).mean())
    together = float((np.diff(ranks) == 1).mean())
    correlation = float(np.corrcoef(ranks[:-1], ranks[1:])[0, 1])
    figures = {
        "mean_displacement": round(moved, 2), "items": size,
        "neighbours_kept": round(together, 3), "neighbour_correlation": round(correlation, 3),
    }  # fmt: skip
    told = f"items move {moved:.1f} places of {size} on average; {together:.0%} of neighbours stay together"
    if span is None:
        return skip(f"`shuffle_span` is not stated; observed: {told}", **figures)
    reach = min(span or size, size)
    if moved >= WEAKEST * reach / 3:
        return ok(f"{told}, as a span of {span or 'the whole source'} allows", **figures)
    return bad(
        f"{told}; a shuffle over {reach} items moves them about {reach / 3:.0f}",
        "the order hardly changes: rows are shuffled in a smaller buffer than stated, or not at all"
        if together < MOST_TOGETHER
        else "only blocks are shuffled, their items stay in order",
        "E10",
        expected=round(reach / 3, 1),
        **figures,
    )


def _arrivals(evidence: Evidence) -> Ints:
    """Source positions of items (documents; rows of a token file) in the order of their arrival."""
    batches = evidence.trace("pass").run(0)
    if not batches:
        raise Missing("the pass is empty")
    positions = evidence.positions(batches, "pass")
    if evidence.traits.reads == "tokens":
        firsts = np.concatenate([part[:, 0] for part in positions if part.ndim == 2])
        places: Ints = firsts[firsts >= 0]
    else:
        flat = np.concatenate([part.ravel() for part in positions])
        places = documents_of(flat[flat >= 0], evidence.source("pass").of_split("train"))
    _, first = np.unique(places, return_index=True)
    return places[np.sort(first)]
