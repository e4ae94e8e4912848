"""Coverage: does one pass train everything once?"""

from __future__ import annotations

import numpy as np

from .accounts import PASSES, allowance, beyond_promise, counted, lone, one_pass, required, unit
from .checks import Opinion, bad, check, ok, skip
from .evidence import Bools, Evidence, Ints, Missing, spans
from .observe import shift
from .rows import pairs_multiset

SINGLE = 3  # losses that may stand alone: the edges of a dropped tail


@check(
    "coverage.multiset", "coverage",
    "Positions seen in one pass equal the source's, within the declared loss and duplicates.", *PASSES,
)  # fmt: skip
def coverage_multiset(evidence: Evidence) -> Opinion:
    if evidence.traits.targets == "paired":
        return pairs_multiset(evidence)
    seen_in = []
    for name in PASSES:
        if name not in evidence.traces or not evidence.traces[name].good:
            continue
        cells = one_pass(evidence, name)
        wanted = required(evidence, name)
        as_x, as_y = counted(cells, len(wanted))
        # A token is seen if it is input or target (unsupervised targets are inputs elsewhere).
        lost, cuts = (
            beyond_promise(evidence, name, cells),
            evidence.source(name).of_split(evidence.split(name)),
        )
        if len(lost) > allowance(evidence, name) or (
            _lost_in_runs(evidence, name) and lone(lost, cuts) > SINGLE
        ):
            return _lost(lost, int(wanted.sum()), name)
        if _once(evidence) and (as_x.max(initial=0) > 1 or as_y.max(initial=0) > 1):
            return _repeated(np.flatnonzero((as_x > 1) | (as_y > 1)), name)
        seen_in.append(int(wanted.sum()) - len(lost))
    if not seen_in:
        raise Missing("no pass to judge")
    return ok(f"{sum(seen_in)} positions over {len(seen_in)} passes, none twice, losses within the promise")


def _lost_in_runs(evidence: Evidence, name: str) -> bool:
    """Whether a dropped tail is more than single tokens: of a shuffled row of two, one is seen next door."""
    width = int(evidence.traces[name].scenario.config["seq_len"])
    return evidence.traits.order == "sequential" or width > 2


def _once(evidence: Evidence) -> bool:
    """Whether what is judged is one pass: an endless reordered stream has no visible end of a lap."""
    return evidence.traits.passes == "one" or evidence.traits.order == "sequential"


def _lost(lost: Ints, of: int, name: str) -> Opinion:
    gaps = np.diff(lost)
    usual = int(np.bincount(gaps).argmax()) if len(gaps) else 0
    steady = len(gaps) > 2 and usual > 1 and (gaps == usual).mean() > 0.8  # the rest is a dropped tail
    return bad(
        f"{len(lost)} of {of} positions were never seen: {spans(lost)}",
        f"one token in every {usual} is lost: dropped wherever a unit of that size ends" if steady
        else "the rest after the last full unit is dropped, over and over or once too much"
        if not len(gaps) or (gaps == 1).all()
        else "whole items are left out: an end test, a filter or a buffer drops them",
        "B3",
        scenario=name,
        positions=spans(lost, 20),
        lost=len(lost),
    )  # fmt: skip


def _repeated(twice: Ints, name: str) -> Opinion:
    return bad(
        f"{len(twice)} positions were trained more than once in one pass: {spans(twice)}",
        "the advance between batches is smaller than what a batch holds, or a shard is read twice",
        "G9",
        scenario=name,
        positions=spans(twice, 20),
    )


@check(
    "coverage.transitions", "coverage",
    "The adjacent pairs (input, target) trained in one pass are the declared set.",
)  # fmt: skip
def coverage_transitions(evidence: Evidence) -> Opinion:
    traits = evidence.traits
    if traits.row_overlap != 1 or traits.overlap == 0:
        return skip("no overlap is stated, so the pair across a cut may be lost")
    cells = one_pass(evidence, "pass")
    if shift(cells) != 1:
        return skip("targets are not one on from their inputs; see shift.exact")
    if traits.mask == "assistant" and not cells.supervised.all():
        return skip("targets are masked by role; mask.aligned accounts for them")
    wanted = required(evidence, "pass")
    seen = np.add(*counted(cells, len(wanted))) > 0
    # Of tokens that were seen: what is missing altogether is coverage.multiset's to tell.
    inside = np.flatnonzero((wanted & seen)[:-1] & (wanted & seen)[1:])
    trained = np.zeros(len(wanted), bool)
    stays = (cells.y == cells.x + 1) & (cells.x >= 0) & (cells.y < len(wanted))
    trained[cells.x[stays & (cells.supervised | (traits.mask not in (None, "none")))]] = True
    # Where a document or a turn ends, another token stands between; those are never adjacent.
    adjacent = inside[~_cut_between(evidence, "pass", inside)]
    lost = adjacent[~trained[adjacent]]
    if len(lost) <= _hidden_by_tail(evidence):
        return ok(f"all {len(adjacent)} transitions between tokens that were seen are trained")
    distance = int(np.median(np.diff(lost))) if len(lost) > 1 else 0
    return bad(
        f"{len(lost)} of {len(adjacent)} transitions were never trained: at positions {spans(lost)}",
        _cut_cause(evidence, distance),
        "A8",
        lost=len(lost),
        median_distance=distance,
        positions=spans(lost, 20),
    )


def _hidden_by_tail(evidence: Evidence) -> int:
    """Transitions that a dropped tail takes while both their tokens are seen in other rows.

    So it is where rows come in random order, each a transition: rows of one token.
    """
    config, traits = evidence.traces["pass"].scenario.config, evidence.traits
    rows = traits.order == "shuffled" and traits.loss != "none" and int(config["seq_len"]) == 1
    return int(config["batch_size"]) - 1 if rows else 0


def _cut_cause(evidence: Evidence, distance: int) -> str:
    """Which cut loses the pair, by how far apart the losses lie (joins bring them nearer)."""
    config = evidence.traces["pass"].scenario.config
    width, whole = int(config["seq_len"]), int(config["seq_len"]) * int(config["batch_size"])
    for name, size in (("row", width), ("batch", whole)):
        if 0.8 * size <= distance <= size + 1:
            unit_ = "T" if name == "row" else "B*T"
            return (
                f"the pair across each {name} is lost: {unit_}+1 tokens are consumed, not {unit_}, "
                "and the last target is never an input"
            )
    return "pieces of the source are cut into rows apart from each other, and the pair across is lost"


def _cut_between(evidence: Evidence, name: str, left: Ints) -> Bools:
    """Whether a document's or a turn's edge lies between each position and the next."""
    cuts, reads = evidence.source(name).of_split(evidence.split(name)), evidence.traits.reads
    edges = set(cuts[:, 1].tolist())
    if reads == "conversations":
        from ..loaders.corpus_writer import turn_cuts

        for index, (start, end) in enumerate(cuts):
            edges.update(int(start) + stop for _, _, stop in turn_cuts(index, int(end - start)))
    between = evidence.traces[name].scenario.corpus.spec.get("separators")
    if reads == "tokens" and not between and evidence.traits.joins in (None, "flow"):
        edges = set()
    return np.isin(left + 1, np.fromiter(edges, np.int64, len(edges)))


@check(
    "coverage.tail", "coverage",
    "What is left unread at the end of the source stays below the declared unit.", *PASSES[:4],
)  # fmt: skip
def coverage_tail(evidence: Evidence) -> Opinion:
    if evidence.traits.order != "sequential" or evidence.traits.passes != "one":
        return skip("only a sequential pass with an end has a tail")
    worst, size = 0, 0
    for name in PASSES[:4]:
        if name not in evidence.traces:
            raise Missing("what it reads is not stated, so there is no exact source to end")
        total = sum(evidence.traces[name].scenario.corpus.spec["documents"])
        size = unit(evidence, name)
        if total <= size:
            continue
        if not evidence.traces[name].good:
            return bad(
                f"{total} tokens for batches of {size} gave none", "the end test asks for too much", "B1"
            )
        left = total - 1 - int(evidence.cells(name, 0).y.max())
        worst = max(worst, left)
        if left >= size:
            return bad(
                f"with {total} tokens {left} are never trained, a whole batch ({size}) and more",
                "the end test counts one unit too many, so a full batch is thrown away at the end",
                "B1",
                scenario=name,
                unread=left,
                unit=size,
            )
    return ok(f"at most {worst} tokens unread, less than a batch of {size}", unread=worst, unit=size)


@check(
    "coverage.last_token", "coverage", "The final token of the corpus is a target at least once.",
    "tiny+2", "exact+1",
)  # fmt: skip
def coverage_last_token(evidence: Evidence) -> Opinion:
    if evidence.traits.reads != "tokens" or evidence.traits.order not in ("windows", "sequential"):
        return skip("only token files have a final token that every pass can reach")
    if evidence.traits.order == "sequential" and (evidence.traits.overlap, evidence.traits.row_overlap) != (
        1,
        1,
    ):
        return skip("without a stated overlap of one the last batch need not end on it")
    name = "tiny+2" if evidence.traits.order == "windows" else "exact+1"
    cells = evidence.cells(name)
    if shift(cells) not in (1, None):
        return skip("targets are not one on from their inputs; see shift.owner")
    last = int(evidence.source(name).of_split("train")[-1, 1]) - 1
    if (cells.y == last).any():
        return ok(f"position {last} was a target {int((cells.y == last).sum())} times")
    return bad(
        f"position {last}, the final token, was a target in none of {len(cells)} cells",
        "the upper bound of the starts (or of the last slice) is one too small",
        "A5",
        highest=int(cells.y.max()),
    )
