"""Shards: shared by ranks that must not drift apart in them, or blended by weights."""

from __future__ import annotations

import numpy as np

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Ints, Missing
from .extremes import BLENDS, LOCKSTEP, SHARE
from .joins import documents_of

DRIFT = 1  # batches by which ranks may begin a shard apart: dealt in turns, one of them is first
HEAVY = 0.9  # of the documents, of a shard that has nearly all the weight
BY_CHANCE = 1e-6  # that a shard of the smallest visible weight is never drawn by a right loader


@check(
    "rank.lockstep", "ranks", "Where ranks share each shard, all of them go on to the next at the same step.",
    *LOCKSTEP,
)  # fmt: skip
def rank_lockstep(evidence: Evidence) -> Opinion:
    """Every rank begins each shard at the same batch, or one apart, however many shards came before.

    Asked with documents of one length, as many in each shard for every rank, shuffling off; of
    loaders whose ranks were seen to read parts of the same shards, one after another in one order.
    Who deals out whole shards, or reads several at a time, has no common step to keep. Drifting apart
    is a failure only where ``rank_batches`` is stated as equal: else a rank may get more than another.
    """
    if evidence.traits.reads != "documents" or evidence.traits.ranks != "disjoint":
        return skip("only of documents, in several files and disjoint by rank, can ranks share shards")
    if LOCKSTEP[0] not in evidence.traces:
        raise Missing("not asked of this loader")
    seen = [_visits(evidence, name) for name in LOCKSTEP]
    total = int(evidence.traces[LOCKSTEP[0]].scenario.corpus.spec["shards"])
    if any(len(steps) < total for steps in seen):
        return skip("the ranks do not all read a part of every shard, shard after shard")
    if len({tuple(steps) for steps in seen}) > 1:
        return skip("the ranks read the shards in different orders")
    apart = {shard: abs(step - seen[1][shard]) for shard, step in seen[0].items()}
    told = f"two ranks begin the {total} shards they share up to {max(apart.values())} batches apart"
    if max(apart.values()) <= DRIFT:
        return ok(
            f"two ranks share {total} shards and go on to each at the same step", steps=list(seen[0].values())
        )
    if evidence.traits.rank_batches != "equal":
        return skip(f"equal counts are not promised; observed: {told}")
    return bad(
        told,
        "each rank ends a shard when it finds no more there itself, so one takes a batch more than the "
        "other from shard after shard",
        "B1",
        steps=[list(steps.values()) for steps in seen],
    )


def _visits(evidence: Evidence, name: str) -> dict[int, int]:
    """Shards in the order of a rank's first round, each with the batch at which it begins.

    A shard that was left and is shown again ends the round if what it shows was shown before: the
    stream begins anew. If that is new, shards are read several at a time, and there is no round.
    """
    steps: dict[int, int] = {}
    before: set[int] = set()
    evidence.trace(name)  # says why, if there is nothing
    seen = np.empty(0, np.int64)
    for step, shown in enumerate(evidence.positions(evidence.traces[name].run(0), name)):
        positions = shown[shown >= 0]
        of = _shards(evidence, name, positions)
        again = np.isin(of, list(set(steps) - before))
        if again.any():
            return steps if np.isin(positions[again], seen).all() else {}
        for shard in np.unique(of).tolist():
            steps.setdefault(shard, step)
        before, seen = set(of.tolist()) or before, np.append(seen, positions)
    return steps


def _shards(evidence: Evidence, name: str, positions: Ints) -> Ints:
    """The shard that each position lies in; documents are dealt to shards in runs of equal counts."""
    cuts = evidence.source(name).of_split("train")
    shards = int(evidence.traces[name].scenario.corpus.spec["shards"])
    sizes = [len(part) for part in np.array_split(np.arange(len(cuts)), shards)]
    return np.repeat(np.arange(shards), sizes)[documents_of(positions, cuts)]


@check(
    "blend.extreme", "coverage",
    "Mixtures with extreme weights and tiny sources neither crash nor starve.", *BLENDS,
)  # fmt: skip
def blend_extreme(evidence: Evidence) -> Opinion:
    """Asked of loaders of documents with an option ``weights`` (its meaning: docs/adapters.md).

    No mixture may break or end for want of documents; a shard with nearly all the weight gives nearly
    all documents, however tiny; one with a twentieth is drawn at some time.
    """
    told = []
    for name in (name for name in BLENDS if name in evidence.traces):
        trace = evidence.traces[name]
        weights = trace.scenario.config["options"]["weights"]
        early = trace.end.how == "stop" and evidence.traits.passes == "endless"
        if trace.broke or early or not trace.good:
            return bad(
                f"with weights {weights} the loader {trace.fate()}",
                "a source is asked for more documents than it has, and nobody begins it anew",
                "G10",
                weights=weights,
                traceback=trace.end.traceback,
            )
        drawn = _drawn(evidence, name, len(weights))
        starved = _starved(name, weights, drawn)
        if starved:
            return bad(
                f"with weights {weights} the shards give {drawn.tolist()} documents: {starved}",
                "weights are rounded to whole documents of a small block, or a small source is given up",
                "G10",
                weights=weights,
                documents=drawn.tolist(),
            )
        told.append(f"{weights}: {drawn.tolist()}")
    if not told:
        return skip("no option `weights` for documents")
    return ok(f"documents by shard with weights {'; '.join(told)}")


def _drawn(evidence: Evidence, name: str, shards: int) -> Ints:
    """How many documents each shard gave, (shards,): inputs that are the first token of one."""
    firsts = evidence.source(name).of_split("train")[:, 0]
    shown = np.concatenate([p.ravel() for p in evidence.positions(evidence.trace(name).good, name)])
    begun = shown[np.isin(shown, firsts)]
    return np.bincount(_shards(evidence, name, begun), minlength=shards)


def _starved(name: str, weights: list[float], drawn: Ints) -> str:
    """Which shard goes short of its weight, in words; "" for none that must be seen."""
    total, heaviest = int(drawn.sum()), int(np.argmax(weights))
    if name != SHARE:
        short = drawn[heaviest] < HEAVY * total or not total
        return f"shard {heaviest} has all the weight, and not nearly all the documents" if short else ""
    if (1 - min(weights) / sum(weights)) ** total > BY_CHANCE:
        return ""  # too few were drawn to tell
    never = np.flatnonzero(drawn == 0)
    return f"shard {never[0]} is never drawn" if len(never) else ""
