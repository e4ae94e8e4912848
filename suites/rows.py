"""Coverage of rows: documents and pairs through limits, buffers and shards."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..loaders.corpus_writer import turn_cuts
from .accounts import PASSES, all_positions, allowance, row_counts
from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Ints, Missing, spans
from .extremes import LONG

COUNTED_SHORT = "a length or an offset inside a document is kept in 16 bits, where 65537 is 1"


@check(
    "coverage.boundary_lengths", "coverage",
    "Documents of 0, 1, T-1, T, T+1, T+2, 2T+1 and 65537 tokens are each accounted for.",
    "lengths", "lengths/long", "wide",
)  # fmt: skip
def coverage_boundary_lengths(evidence: Evidence) -> Opinion:
    near = _near_a_row(evidence)
    return near if near.verdict != "pass" else _past_16_bits(evidence, near)


def _near_a_row(evidence: Evidence) -> Opinion:
    """Lengths around that of a row: a token at least is seen of most documents of each."""
    trace = evidence.traces.get("lengths")
    if trace is None:
        return skip("token files have no documents of their own")
    if not trace.good:
        return bad(f"the loader {trace.fate()}", "a document of an awkward length is not expected", "A11")
    cuts = evidence.source("lengths").of_split("train")
    positions = np.unique(np.concatenate([p.ravel() for p in all_positions(evidence, "lengths")]))
    config, of_length = trace.scenario.config, np.bincount(cuts[:, 1] - cuts[:, 0])
    seen = np.zeros(int(cuts.max()) + 1, np.int64)
    seen[positions[positions >= 0]] = 1
    totals = np.concatenate([[0], np.cumsum(seen)])
    never = (totals[cuts[:, 1]] == totals[cuts[:, 0]]) & (cuts[:, 1] > cuts[:, 0])
    if evidence.traits.targets == "paired" and int(config["seq_len"]) == 1:
        never &= cuts[:, 1] - cuts[:, 0] > 1  # no prompt, and the one token of its response is the end
    if evidence.traits.reads == "conversations" and evidence.traits.loss == "truncation":
        never &= _begins_at_once(cuts)
    # A filter takes all of a length; a dropped tail takes a few of each.
    share = 0.0 if evidence.traits.loss == "none" else 0.5
    counts = np.bincount((cuts[:, 1] - cuts[:, 0])[never], minlength=len(of_length))
    gone = {int(n): int(counts[n]) for n in np.flatnonzero(counts > share * of_length)}
    if gone:
        told = ", ".join(f"{count} of {length} tokens" for length, count in sorted(gone.items()))
        return bad(
            f"no token was ever seen of documents: {told} (T = {config['seq_len']})",
            "a limit is compared with the wrong length: `>` for `>=`, or with the unshifted row",
            "A11" if int(config["seq_len"]) + 1 in gone else "B5",
            lengths=gone,
        )
    return ok(f"{len(cuts)} documents of {len({int(e - s) for s, e in cuts})} lengths accounted for")


def _begins_at_once(cuts: Ints) -> npt.NDArray[np.bool_]:
    """Of which conversations the first turn says something, bool (documents,).

    Before the first word of another stands the markup of turns without any, where a limit may fall.
    """
    first = (turn_cuts(index, int(end - start))[0] for index, (start, end) in enumerate(cuts))
    return np.array([stop > 0 for _, _, stop in first], np.bool_)


def _past_16_bits(evidence: Evidence, near: Opinion) -> Opinion:
    """The same with a document of 65537 tokens, where its ids of 32 bits are read at all.

    All of it must be seen where no more than a tail may be left out; elsewhere nothing may break.
    """
    name, trace = "lengths/long", evidence.traces.get("lengths/long")
    if trace is None or not (wide := evidence.traces.get("wide")) or not wide.good:
        why = "has no text" if trace is None else "has ids past 16 bits, which are not read"
        return ok(f"{near.reason}; one of {LONG} tokens {why}")
    if trace.broke or not trace.good:
        return bad(f"with a document of {LONG} tokens the loader {trace.fate()}", COUNTED_SHORT)
    cuts = evidence.source(name).of_split("train")
    start, end = cuts[np.argmax(cuts[:, 1] - cuts[:, 0])]
    shown = np.concatenate([p.ravel() for p in all_positions(evidence, name)])
    lost = np.setdiff1d(np.arange(start, end), shown)
    if evidence.traits.loss not in ("none", "tail") or evidence.traits.order in (None, "windows"):
        return ok(f"{near.reason}; {LONG - len(lost)} tokens are seen of one of {LONG}")
    if len(lost) <= allowance(evidence, name):
        return ok(f"{near.reason}, one of {LONG} tokens among them")
    return bad(
        f"of a document of {LONG} tokens {len(lost)} were never seen: {spans(lost)}",
        COUNTED_SHORT,
        scenario=name,
        lost=len(lost),
    )


@check(
    "coverage.buffer_flush", "coverage",
    "With unique rows, many times the buffer, no row is lost when the buffer is flushed.", "flush",
)  # fmt: skip
def coverage_buffer_flush(evidence: Evidence) -> Opinion:
    trace = evidence.traces.get("flush")
    if trace is None:
        return skip("the loader has no option buffer_size")
    rows = row_counts(evidence, "flush")
    lost, twice = np.flatnonzero(rows == 0), np.flatnonzero(rows > 1)
    size = int(trace.scenario.config["options"]["buffer_size"])
    tail = 0 if evidence.traits.targets == "paired" else 2  # a cut tail may hide the last rows
    if len(lost) <= tail and (evidence.traits.passes == "endless" or not len(twice)):
        return ok(f"{len(rows)} rows through a buffer of {size}: none lost, none twice")
    gaps = np.diff(lost)
    period = int(np.bincount(gaps).argmax()) if len(gaps) else 0
    held = period == size + 1
    return bad(
        f"{len(lost)} of {len(rows)} rows never appear and {len(twice)} appear twice in one epoch "
        f"of {len(trace.run(0))} items: rows {spans(lost)}",
        f"one row in every {period} is lost: a buffer of {size} forgets the row in hand when it flushes"
        + (", and rows of the next pass take their places" if len(twice) else "")
        if held
        else f"a buffer of {size} loses rows: what is left in it at the end, or what it had no room for",
        "B7" if held else "B3",
        lost_rows=len(lost),
        repeated_rows=len(twice),
        period=period,
        buffer_size=size,
        rows=lost[:20].tolist(),
    )


def pairs_multiset(evidence: Evidence) -> Opinion:
    """Each pair once in a pass, whatever its texts were truncated to."""
    told = []
    for name in PASSES[:4]:
        if name not in evidence.traces or not evidence.traces[name].good:
            continue
        counts = row_counts(evidence, name)
        lost, twice = np.flatnonzero(counts == 0), np.flatnonzero(counts > 1)
        size = int(evidence.traces[name].scenario.config["batch_size"])
        budget = 0 if evidence.traits.loss == "none" else len(counts) % size
        if len(lost) > budget or (len(twice) and evidence.traits.passes == "one"):
            return bad(
                f"{len(lost)} of {len(counts)} pairs never appear and {len(twice)} appear twice in one pass",
                "a pass of len() items is not one pass over the rows",
                "B7",
                scenario=name,
                lost_rows=len(lost),
                repeated_rows=len(twice),
                rows=spans(lost, 20),
            )
        told.append(f"{len(counts) - len(lost)} of {len(counts)}")
    if not told:
        raise Missing("no pass to judge")
    return ok(f"each pair once, the last incomplete batch left out: {', '.join(told)}")


@check(
    "order.canonical", "coverage",
    "With shuffle off and 11 shards, order equals numeric shard order.", "shards",
)  # fmt: skip
def order_canonical(evidence: Evidence) -> Opinion:
    if "shards" not in evidence.traces:
        return skip("token files are one shard")
    trace = evidence.trace("shards")
    if evidence.traits.order not in ("sequential", "reordered", "shuffled"):
        return skip("`order` is not stated")
    config = trace.scenario.config
    if config.get("num_workers") or int(config["options"].get("workers", 0)):
        return skip("worker processes read shards side by side")
    firsts = np.concatenate(
        [p[:, 0] if p.ndim == 2 else p for p in evidence.positions(trace.run(0), "shards")]
    )
    firsts = firsts[firsts >= 0]
    wraps = np.flatnonzero(np.diff(firsts) < 0)
    whole = _first_wrap(wraps, firsts)
    steps = np.diff(firsts[:whole])
    if (steps >= 0).all():
        return ok(f"{whole} rows in source order over 11 shards")
    where = int(np.flatnonzero(steps < 0)[0])
    return bad(
        f"with shuffle off, position {firsts[where + 1]} comes after {firsts[where]}",
        "shards are sorted by name as text (…-1, …-10, …-2), or shuffled all the same",
        counterexample={"before": int(firsts[where]), "after": int(firsts[where + 1])},
    )


def _first_wrap(wraps: Ints, firsts: Ints) -> int:
    """Where a stream begins anew: the first step from (nearly) its end back to (nearly) its start."""
    low, high = np.quantile(firsts, (0.1, 0.9)) if len(firsts) else (0, 0)
    back = [int(i) for i in wraps if firsts[i] >= high and firsts[i + 1] <= low]
    return back[0] + 1 if back else len(firsts)
