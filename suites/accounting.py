"""Accounts that loaders give of themselves: losses, truncation, statistics, and what a first batch costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..loaders.corpus_writer import pair_cut
from .accounts import allowance, beyond_promise, one_pass, required
from .checks import Opinion, bad, check, ok, skip
from .coverage import coverage_multiset
from .evidence import Evidence, Missing, spans, supervised
from .joins import documents_of, special

TRUNCATED = ("truncated_tokens", "truncated", "tokens_truncated", "cropped_tokens", "dropped_tokens")
EFFICIENCY = ("efficiency", "packing_efficiency")
PULLED = 0.5  # of all that a pass reads, before the first batch; a buffer of an eightieth asks for little
BYTES_OF_ID = 2  # who reads less than that for each token has not read it by calls
ROLE_TOKENS = 14  # of one conversation, at most


@check(
    "coverage.declared_loss", "coverage",
    "The measured share of cropped or dropped tokens is the declared one, over many shards and separators.",
    "shards", "separators",
)  # fmt: skip
def coverage_declared_loss(evidence: Evidence) -> Opinion:
    if evidence.traits.targets == "paired" or evidence.traits.loss is None:
        return skip("pairs are counted in coverage.multiset" if evidence.traits.loss else "not stated")
    if coverage_multiset(evidence).verdict == "fail":
        return skip("more is lost on one shard already; see coverage.multiset")
    shares: dict[str, float] = {}
    for name in ("shards", "separators"):
        if name not in evidence.traces or not evidence.traces[name].good:
            continue
        cells = one_pass(evidence, name)
        wanted = int(required(evidence, name).sum())
        lost, allowed = beyond_promise(evidence, name, cells), allowance(evidence, name)
        if len(lost) > allowed:
            return bad(
                f"{len(lost)} of {wanted} tokens are left out ({len(lost) / wanted:.1%}), where "
                f"`{evidence.traits.loss}` declares at most {allowed}: {spans(lost)}",
                "the rest of every shard is dropped, not only that of the last one",
                "B1",
                scenario=name,
                lost=len(lost),
                allowed=allowed,
            )
        seen = np.unique(np.concatenate([cells.x, cells.y]))
        shares[name] = round(1 - int((seen >= 0).sum()) / max(1, wanted), 4)
    if not shares:
        raise Missing("no pass to judge")
    told = ", ".join(f"{share:.1%} ({name})" for name, share in shares.items())
    return ok(f"left out of a pass: {told}, as `{evidence.traits.loss}` allows", shares=shares)


@check(
    "trunc.accounted", "masks", "Every truncated token is counted in the loader's own statistics.",
    "pass", "truncated", "overlong",
)  # fmt: skip
def trunc_accounted(evidence: Evidence) -> Opinion:
    paired = evidence.traits.targets == "paired"
    name = "pass" if paired else "truncated" if "truncated" in evidence.traces else "overlong"
    if name not in evidence.traces:
        return skip("token files have no items to truncate")
    stats = evidence.trace(name).notes.get("stats") or {}
    key = next((key for key in TRUNCATED if key in stats), "")
    if not key:
        return skip("the loader keeps no statistics of truncation")
    low, high = _pairs_lost(evidence, name) if paired else _items_lost(evidence, name)
    reported = int(stats[key])
    if low <= reported <= high:
        return ok(f"{key} says {reported}; {low} tokens were seen to be missing", reported=reported, lost=low)
    return bad(
        f"{key} says {reported}, but {low} tokens{'' if high == low else f' (at most {high})'} were cut",
        "tokens are cut where nobody counts, or counted where none are cut",
        "B4",
        reported=reported,
        lost=low,
    )


def _pairs_lost(evidence: Evidence, name: str) -> tuple[int, int]:
    """Tokens that the rows given lack of their prompts and responses."""
    cuts, names = evidence.source(name).of_split("train"), evidence.source(name).names
    lost = unknown = 0
    for batch in evidence.trace(name).good:
        if batch.x is None or batch.y is None:
            continue
        for x, y in zip(names.locate(batch.x.array()), names.locate(batch.y.array()), strict=True):
            shown = np.concatenate([x[x >= 0], y[y >= 0]])
            if not len(shown):
                unknown += 1
                continue
            start, end = cuts[documents_of(shown[:1], cuts)[0]]
            middle = start + pair_cut(int(end - start))
            prompt = int((shown < middle).sum()) if (x >= 0).any() else int(middle - start)
            lost += int(middle - start) - prompt + int(end - middle) - int((shown >= middle).sum())
    return lost, lost + unknown * int((cuts[:, 1] - cuts[:, 0]).max())


def _items_lost(evidence: Evidence, name: str) -> tuple[int, int]:
    """Bounds for the tokens cut off items: those in hand at the end, and role tokens, are not seen."""
    cells, cuts = evidence.cells(name), evidence.source(name).of_split("train")
    positions = cells.x[cells.x >= 0]
    of = documents_of(positions, cuts)
    begins = np.flatnonzero(np.append(True, (np.diff(of) != 0) | (np.diff(positions) < 0)))
    ends = np.append(begins[1:], len(of))
    lengths = (cuts[:, 1] - cuts[:, 0])[of[begins]]
    lost = np.clip(lengths - (ends - begins), 0, None)
    # A row cut short of one token by an overlap of 0 has lost it to the cut, not to a limit.
    low = int(lost[:-1][lost[:-1] > 2].sum())
    return low, int(lost.sum() + ROLE_TOKENS * (len(lost) + 2) + 2 * (cuts[:, 1] - cuts[:, 0]).max())


@check("stats.honest", "coverage", "Reported batches, tokens, rows, epoch and efficiency equal a recount.")
def stats_honest(evidence: Evidence) -> Opinion:
    trace = evidence.trace("pass")
    if "stats_error" in trace.notes:
        return bad(
            f"stats() raised {trace.notes['stats_error']}", "the statistics cannot be asked for", "B10"
        )
    stats = trace.notes.get("stats")
    if not stats:
        return skip("the loader keeps no statistics")
    recounted = _recount(evidence)
    shared = {key: stats[key] for key in recounted if key in stats}
    wrong = {key: value for key, value in shared.items() if not _among(value, recounted[key])}
    if wrong:
        key = next(iter(wrong))
        return bad(
            f"stats() says {key} = {wrong[key]}; recounted: {' or '.join(map(str, recounted[key]))}",
            "it is counted at another place than where batches are given, or after something was dropped",
            "B10",
            reported={k: v for k, v in wrong.items() if isinstance(v, (int, float, str))},
        )
    if not shared:
        return skip(f"nothing in stats() can be recounted: {', '.join(map(str, stats))}")
    return ok(
        f"recounted: {', '.join(map(str, shared))}", **{str(key): value for key, value in shared.items()}
    )


def _recount(evidence: Evidence) -> dict[str, list[Any]]:
    """What the statistics may say: for each key the values that are right."""
    trace, pad = evidence.trace("pass"), special(evidence, "pass", "pad")
    ids = [batch.x.array() for batch in trace.good if batch.x]
    last = trace.run(len(trace.ends) - 1)
    cells, real = (sum(part.size for part in ids), sum(int((part != pad).sum()) for part in ids))
    trained = sum(
        int(supervised(batch, evidence.ignored()).sum()) for batch in trace.good if batch.y is not None
    )
    counted: dict[str, list[Any]] = {
        "batches": sorted({len(trace.batches), len(last)}),  # since the loader was made, or of this pass
        "tokens": sorted({cells, real, sum(b.x.array().size for b in last if b.x)}),
        "rows": [sum(len(part) for part in ids)],
        "supervised": [trained],
    }
    for key in EFFICIENCY:
        counted[key] = sorted({real / max(1, cells), trained / max(1, cells)})
    if evidence.traits.passes == "one":
        began = int(trace.scenario.config.get("epoch", 0))
        counted["epoch"] = [began + len(trace.ends) - 1, began + len(trace.ends)]
    return counted


def _among(value: Any, right: list[Any]) -> bool:
    """Whether a reported value is one of those that are right; shares need only agree to a percent."""
    if not isinstance(value, (int, float)):
        return False
    return any(abs(value - one) <= (0.01 if isinstance(one, float) else 0) for one in right)


@check(
    "first_batch.pulls", "coverage", "What is read before the first batch is bounded by the declared buffer.",
    "probe/pulls",
)  # fmt: skip
def first_batch_pulls(evidence: Evidence) -> Opinion:
    if "probe/pulls" not in evidence.traces:
        return skip("the loader has no option buffer_size to bound what is read")
    trace = evidence.traces["probe/pulls"]
    first, whole = trace.notes.get("pulled", (0, 0))
    if trace.broke or whole < BYTES_OF_ID * sum(trace.scenario.corpus.spec["documents"]):
        return skip(
            trace.fate() if trace.broke else "the loader reads by mapping, which leaves nothing to count"
        )
    share = first / whole
    told = f"{share:.0%} of what a pass reads is read before its first batch"
    if not evidence.traits.shuffle_span:
        return skip(f"no bounded `shuffle_span` is stated; observed: {told}", share=round(share, 3))
    if share <= PULLED:
        return ok(told, bytes_before_first=first, bytes_of_pass=whole)
    rows = len(trace.scenario.corpus.spec["documents"])
    buffer = trace.scenario.config["options"]["buffer_size"]
    return bad(
        f"{told}, with a buffer of {buffer} of {rows} rows",
        "the whole source is read before anything is given: memory and start-up follow the file, not the "
        "buffer",
        "C7",
        bytes_before_first=first,
        bytes_of_pass=whole,
    )
