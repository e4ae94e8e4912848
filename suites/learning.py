"""Learning: is there in (x, y) what the corpus has to teach, and does torch take it?"""

from __future__ import annotations

import math

import numpy as np

from ..loaders.markov import Markov
from .checks import Opinion, bad, check, ok, skip
from .evidence import Bools, Cells, Evidence, Ints, Missing

FALSE_ALARM = 1e-6  # of learn.bigram, for a correct loader


@check(
    "learn.bigram", "learning",
    "The cross-entropy of supervised (x, y) under the corpus's own bigram model is the corpus's entropy "
    "(false alarms once in a million).", "bigram",
)  # fmt: skip
def learn_bigram(evidence: Evidence) -> Opinion:
    if evidence.traits.targets == "paired":
        return skip("pairs: the response does not follow the prompt token by token")
    if "bigram" not in evidence.traces:
        return skip("`reads` is not stated")
    names = evidence.source("bigram").names
    assert isinstance(names, Markov)
    cells = evidence.cells("bigram")
    x, y = _taught(cells, evidence.traits.targets == "same", names.first_special)
    known = (x >= 0) & (x < len(names.shares)) & (y >= 0) & (y < len(names.shares))
    if known.mean() < 0.5:
        return skip(f"only {known.mean():.0%} of the pairs are ids of the corpus; see vocab.range")
    surprise = float(names.surprise(x[known], y[known]).mean())
    margin = interval(names, int(known.sum()), len(evidence.source("bigram").train))
    told = f"{surprise:.4f} nats over {int(known.sum())} pairs; the corpus has "
    told += f"{names.entropy:.4f} within {margin:.4f}"
    figures = {
        "cross_entropy_nats": round(surprise, 4), "entropy_nats": round(names.entropy, 4),
        "margin_nats": round(margin, 4), "pairs": int(known.sum()), "false_alarm_rate": FALSE_ALARM,
    }  # fmt: skip
    if abs(surprise - names.entropy) <= margin:
        return ok(told, **figures)
    backwards = float(names.surprise(y[known], x[known]).mean())
    return bad(
        told,
        "pairs are turned round: x is what follows y" if abs(backwards - names.entropy) <= margin
        else "targets are easier than the corpus: looked up by their input, or given away by it"
        if surprise < names.entropy
        else "what follows is not what follows in the corpus: targets are shifted wrongly, looked up by "
        "their id, or come from elsewhere",
        "A3",
        backwards_nats=round(backwards, 4),
        **figures,
    )  # fmt: skip


def _taught(cells: Cells, same: bool, first_special: int) -> tuple[Ints, Ints]:
    """Pairs (input, target) of ordinary ids that the loss would see; the model shifts if y is x."""
    if same:
        inner: Bools = (cells.column < cells.width - 1)[:-1] & cells.supervised[1:]
        x, y = cells.x_id[:-1][inner], cells.y_id[1:][inner]
    else:
        x, y = cells.x_id[cells.supervised], cells.y_id[cells.supervised]
    ordinary = (x < first_special) & (y < first_special)
    if not ordinary.any():
        raise Missing("no supervised pair of ordinary tokens")
    return x[ordinary], y[ordinary]


def interval(names: Markov, pairs: int, documents: int) -> float:
    """Nats by which a mean of true surprises misses the entropy once in a million (Bernstein's bound).

    Pairs drawn again and again hold no more than the corpus does, so both sizes limit what is known.
    Where documents meet with nothing between them, one pair each is none of the chain's.
    """
    independent = 1 / (1 / pairs + 1 / names.size)
    log = math.log(2 / FALSE_ALARM)
    most = float(-np.log(names.shares[-1]))
    joins = documents / names.size * most
    return math.sqrt(2 * names.variance * log / independent) + most * log / (3 * independent) + joins


@check(
    "batch.consumable", "learning",
    "The batch as yielded goes through an embedding, a linear layer and cross_entropy, there and back.",
    "probe/consume",
)  # fmt: skip
def batch_consumable(evidence: Evidence) -> Opinion:
    trace = evidence.traces.get("probe/consume")
    outcome = trace.notes.get("consumed") if trace else None
    if trace is None or outcome is None:
        return skip(f"no batch to try: {trace.notes.get('probe') or trace.fate()}" if trace else "not asked")
    if trace.notes.get("consumed_outside"):
        return skip("ids lie outside the vocabulary; see vocab.range")
    stated = evidence.traits.ignore_index
    tried = {str(stated): outcome[str(stated)]} if str(stated) in outcome else outcome
    if "" in tried.values():
        fits = next(value for value, error in tried.items() if not error)
        return ok(f"embedding, linear layer and loss take it, forward and backward (ignore_index={fits})")
    error = next(iter(tried.values()))
    cause = (
        "targets hold a value that the declared ignore_index does not cover"
        if "out of bounds" in error
        else "torch takes int32 or int64 inputs and int64 targets: convert before the batch is given"
    )
    return bad(f"torch refuses the batch: {error}", cause, "D8" if "out of" in error else "D1", tried=tried)
