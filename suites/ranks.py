"""Ranks: real processes that share one pass, or draw apart; none idle, none reading it all."""

from __future__ import annotations

import itertools

import numpy as np

from .accounts import all_positions, allowance, first_lap, past_limit, required, row_counts
from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Ints, Missing, spans
from .trace import Trace

TWO = ("rank/2/0", "rank/2/1")
THREE = ("rank/3/0", "rank/3/1", "rank/3/2")
SORTED = ("rank/sorted/0", "rank/sorted/1")
STARVED = 0.25  # of the mean share; awkward sizes and whole row groups account for the rest
FALSE_ALARM = 1e-6  # of rank.rng_distinct
BALANCE = 0.5  # tokens of the poorest rank to those of the richest, on documents sorted by length


def of_ranks(evidence: Evidence, names: tuple[str, ...]) -> list[Trace]:
    """The traces of one group of ranks; raises :class:`Missing` where nothing is promised."""
    if evidence.traits.ranks == "none":
        raise Missing("each rank reads it all, as stated")
    if names[0] not in evidence.traces:
        raise Missing("ranks are not promised")
    return [evidence.traces[name] for name in names]


def positions(evidence: Evidence, name: str) -> Ints:
    """Distinct source positions that one rank shows in its first pass, as inputs or as targets.

    Of pairs, which may be truncated, only the first position of each row counts.
    """
    trace = evidence.traces[name]
    if not trace.run(0):
        return np.empty(0, np.int64)
    if evidence.traits.targets == "paired":
        cuts = evidence.source(name).of_split(evidence.split(name))
        shown: Ints = cuts[row_counts(evidence, name) > 0, 0]
        return shown
    if evidence.traits.passes == "endless" and evidence.traits.order == "sequential":
        cells = first_lap(evidence.cells(name, 0))
        found = np.concatenate([cells.x, cells.y])
    else:
        found = np.concatenate([p.ravel() for p in all_positions(evidence, name)])
    return np.unique(found[found >= 0])


def own_positions(evidence: Evidence, name: str) -> Ints:
    """Positions that no other rank may show.

    Windows in random order share their last target with the next one's first input, wherever that
    window went, so of those only the inputs count.
    """
    if (evidence.traits.order, evidence.traits.targets) != ("shuffled", "shifted"):
        return positions(evidence, name)
    inputs = [part.ravel() for part in evidence.positions(evidence.traces[name].run(0), name)]
    found = np.unique(np.concatenate([*inputs, np.empty(0, np.int64)]))
    return found[found >= 0]


def _streams(traces: list[Trace]) -> list[list[bytes]]:
    return [[b.x.data for b in trace.run(0)[:12] if b.x] for trace in traces]


def _same_data(traces: list[Trace]) -> Opinion | None:
    """Wrong in any training: every rank reads the same batches."""
    streams = _streams(traces)
    if not streams[0] or streams[0] != streams[1]:
        return None
    return bad(
        f"ranks 0 and 1 of {len(traces)} give the same {len(streams[0])} batches",
        "the rank is ignored: every rank trains on the same data (state ranks='none' if that is meant)",
        "G1",
        ranks=len(traces),
    )


@check("rank.disjoint", "ranks", "No position appears on two ranks in one pass.", *TWO, *THREE)
def rank_disjoint(evidence: Evidence) -> Opinion:
    traces = of_ranks(evidence, TWO)
    same = _same_data(traces)
    if same is not None and evidence.traits.ranks is None and traces[0].notes.get("global_generators_moved"):
        return skip("draws from a global generator, which the training script seeds for each rank")
    if same is not None:
        return same
    if evidence.traits.ranks != "disjoint":
        return skip("ranks are not stated as disjoint; they do not give the same data")
    for names in (TWO, THREE):
        seen = [own_positions(evidence, name) for name in names if name in evidence.traces]
        for i, mine in enumerate(seen):
            for j in range(i + 1, len(seen)):
                shared = np.intersect1d(mine, seen[j])
                # Streams that overlap by one token share the position at each cut.
                cuts = sum(len(evidence.traces[name].run(0)) for name in names)
                if len(shared) > (cuts if evidence.traits.overlap != 0 else 0):
                    return bad(
                        f"ranks {i} and {j} of {len(seen)} both read {len(shared)} positions: "
                        f"{spans(shared)}",
                        "the split is by something ranks do not agree on, or some ranks wrap around",
                        "G3",
                        positions=spans(shared, 20),
                    )
    return ok("two and three ranks share no position")


@check("rank.union", "ranks", "All ranks together cover the source, with shuffle on as well.", *TWO, *THREE)
def rank_union(evidence: Evidence) -> Opinion:
    of_ranks(evidence, TWO)
    if evidence.traits.ranks != "disjoint":
        return skip("ranks are not stated as disjoint")
    told = []
    for names in (TWO, THREE):
        wanted = _wanted(evidence, names[0])
        seen = np.unique(np.concatenate([positions(evidence, name) for name in names]))
        lost = np.setdiff1d(wanted, seen)
        if evidence.traits.loss == "truncation":  # the end of a document that was begun may be cut off
            there = np.isin(np.arange(1 + wanted.max(initial=0)), seen)
            cuts = evidence.source(names[0]).of_split(evidence.split(names[0]))
            lost = lost[~past_limit(there, cuts)[lost]]
        budget = _left_over(evidence, names)
        budget += len(names) if evidence.traits.overlap else 0  # the very last token is only a target
        if len(lost) > budget:
            return bad(
                f"{len(lost)} of {len(wanted)} positions are read by none of {len(names)} ranks: "
                f"{spans(lost)}",
                "the order is shuffled by rank before it is split, or a rank's share is left to nobody",
                "G3",
                positions=spans(lost, 20),
            )
        told.append(f"{len(names)} ranks: {len(wanted) - len(lost)} of {len(wanted)} positions")
    return ok("; ".join(told))


def _left_over(evidence: Evidence, names: tuple[str, ...]) -> int:
    """Positions (of pairs: rows) that all ranks together may leave out."""
    config = evidence.traces[names[0]].scenario.config
    rows, width = int(config["batch_size"]), int(config["seq_len"])
    if evidence.traits.loss == "none":
        return 0
    if evidence.traits.targets == "paired":
        return rows * len(names)
    if evidence.traits.loss in (None, "crop"):  # documents of fewer than 120 tokens may be cropped anywhere
        return len(names) * rows * (width + 130)
    return allowance(evidence, names[0])


def _wanted(evidence: Evidence, name: str) -> Ints:
    if evidence.traits.targets == "paired":
        return evidence.source(name).of_split(evidence.split(name))[:, 0]
    return np.flatnonzero(required(evidence, name))


@check(
    "rank.equal_batches", "ranks", "All ranks give the same number of batches, for awkward sizes too.",
    *TWO, *THREE,
)  # fmt: skip
def rank_equal_batches(evidence: Evidence) -> Opinion:
    counts = {
        names: [len(trace.run(0)) for trace in of_ranks(evidence, names)]
        for names in (TWO, THREE)
        if names[0] in evidence.traces
    }
    if not counts:
        of_ranks(evidence, TWO)  # says why there is nothing
    told = "; ".join(f"{len(names)} ranks: {found}" for names, found in counts.items())
    if evidence.traits.rank_batches != "equal":
        return skip(f"equal counts are not promised; observed {told}")
    if all(len(set(found)) == 1 for found in counts.values()):
        return ok(told)
    return bad(
        f"batches differ by rank: {told}",
        "each rank stops on its own exhaustion: the last collective waits for ever",
        "G5",
    )


@check("rank.starved", "ranks", "Every rank receives at least a fair part of the data.", *TWO, *THREE)
def rank_starved(evidence: Evidence) -> Opinion:
    for names in (TWO, THREE):
        if names[0] not in evidence.traces and names is THREE:
            continue
        traces = of_ranks(evidence, names)
        counts = [len(trace.run(0)) for trace in traces]
        poorest = int(np.argmin(counts))
        if counts[poorest] < STARVED * float(np.mean(counts)):
            why = traces[poorest].fate() if traces[poorest].broke else f"gives {counts[poorest]} batches"
            return bad(
                f"rank {poorest} of {len(names)} {why}; the others give {sorted(counts)[1:]}",
                "there are fewer shards than ranks, or the split leaves some with nothing",
                "G4",
                batches=counts,
            )
    return ok("no rank goes short")


@check("rank.token_balance", "ranks", "On documents sorted by length, ranks get comparable amounts.", *SORTED)
def rank_token_balance(evidence: Evidence) -> Opinion:
    of_ranks(evidence, SORTED)
    counts = [len(positions(evidence, name)) for name in SORTED]
    ratio = min(counts) / max(1, *counts)
    if evidence.traits.ranks != "disjoint":
        return skip("ranks are not stated as disjoint", tokens=counts)
    if not any(counts):
        raise Missing("no rank got a whole batch")
    if ratio >= BALANCE:
        return ok(f"tokens by rank {counts}", tokens=counts)
    return bad(
        f"tokens by rank {counts}: one trains {1 / max(ratio, 1e-9):.1f} times as many",
        "sorted documents are split in one cut instead of in turns: one rank ends its pass much earlier",
        "G8",
        tokens=counts,
    )


@check("rank.rng_distinct", "ranks", "Ranks that draw independently draw differently, in every epoch.", *TWO)
def rank_rng_distinct(evidence: Evidence) -> Opinion:
    traces = of_ranks(evidence, TWO)
    if evidence.traits.ranks != "sampled":
        return skip("independent draws are not promised")
    first, second = _streams(traces)
    shared = len(set(first) & set(second))
    if shared > _by_chance(evidence, len(first) * len(second)):
        return bad(
            f"{shared} of {len(first)} batches are the same on both ranks",
            "the generator is seeded alike on every rank, or ranks are a step apart in one stream",
            "E1",
        )
    return ok(f"{len(first)} batches on each of two ranks, {shared} shared")


def _by_chance(evidence: Evidence, comparisons: int) -> int:
    """Equal batches that independent draws have at most, but for once in a million runs.

    It matters where a batch is a row or two: so many draws of one start each soon meet.
    """
    from scipy.special import pdtrc  # P(more than k) of a Poisson; scipy.stats takes a second to load

    starts = len(required(evidence, TWO[0]))
    rows = int(evidence.traces[TWO[0]].scenario.config["batch_size"])
    expected = comparisons / float(starts) ** rows
    return next(k for k in itertools.count() if pdtrc(k, expected) <= FALSE_ALARM)
