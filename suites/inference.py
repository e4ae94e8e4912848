"""The traits of a loader, inferred from its behaviour alone; what cannot be known is left out.

Pure: traces in, traits out, in the words of the table in :mod:`loadstone.loaders.traits`. What a
loader states plays no part in it.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..loaders.traits import NAMES, Traits
from .evidence import Evidence, Ints, Missing
from .grading import EXACT, content, restored_grade
from .masking import masking
from .reading import reading
from .resuming import BASE
from .trace import Trace

NEAR = ("exact", "skips", "repeats", "reorders")
SHARED = 0.02  # of the positions of two ranks: the tokens at the cuts
ALL = 0.9  # of what two ranks read together: then each reads it all
# Stated and seen, where what was seen keeps the promise although it is another word.
KEPT = {
    ("order", "reordered", "shuffled"),  # the buffer held all there was
    ("rank_batches", "may-differ", "equal"),
    ("shape", "ragged", "fixed"),
    ("short_last", True, False),
    ("batch", "until-next", "fresh"),
    ("batch", "view", "fresh"),
    ("y_batch", "until-next", "fresh"),
    ("y_batch", "view", "fresh"),
    ("resume", "topology", "exact"),
    ("resume", "approximate", "exact"),
    ("resume", "none", "exact"),
    ("resume", "none", "approximate"),
}


def infer(traces: Mapping[str, Trace]) -> dict[str, Any]:
    """Traits that these traces show, in the order of the table; nothing without a main pass."""
    evidence = Evidence(Traits(), traces, stated=False)
    seen: dict[str, Any] = {}
    try:
        trace = evidence.trace("pass")
    except Missing:
        return {}
    with contextlib.suppress(Missing):
        seen |= reading(evidence)
    paired = seen.get("targets") == "paired"
    if "targets" in seen:
        seen |= masking(evidence, paired)
    seen |= ownership(trace)
    asked: dict[str, Callable[[], Any]] = {
        "passes": lambda: passes(trace),
        "shape": lambda: shape(trace, paired, evidence),
        "short_last": lambda: short_last(traces),
        "rng": lambda: rng(evidence),
        "ranks": lambda: ranks(evidence, seen.get("order")),
        "rank_batches": lambda: rank_batches(traces),
        "workers": lambda: workers(traces),
        "resume": lambda: resume(evidence),
    }
    for name, ask in asked.items():
        with contextlib.suppress(Missing):
            seen[name] = ask()
    for name, part in (("x_dtype", trace.good[0].x), ("y_dtype", trace.good[0].y)):
        seen[name] = part.dtype if part is not None else None
    return {name: seen[name] for name in NAMES if seen.get(name) is not None}


def agrees(name: str, stated: Any, observed: Any) -> bool:
    """Whether what was seen keeps what was stated."""
    return bool(stated == observed) or (name, stated, observed) in KEPT


def passes(trace: Trace) -> str | None:
    """One if it stopped by itself, endless if it gave several passes."""
    how = trace.ends[0].how if trace.ends else ""
    return {"stop": "one", "limit": "endless"}.get(how)


def shape(trace: Trace, paired: bool, evidence: Evidence) -> str | None:
    """Fixed or ragged; of pairs fixed only where rows had room to shrink."""
    widths = {part.shape[1:] for batch in trace.good for part in (batch.x, batch.y) if part is not None}
    if len(widths) > 1:
        return "ragged"
    if not paired:
        return "fixed"
    # Batches whose every row is padded up to the width.
    names = evidence.source("pass").names
    roomy = (b for b in trace.good if b.x and (names.locate(b.x.array()) == -2)[:, [0, -1]].any(1).all())
    return "fixed" if next(roomy, None) is not None else None


def short_last(traces: Mapping[str, Trace]) -> bool | None:
    """Whether a last batch was seen with fewer rows; None if no pass ended where one could be."""
    trace = traces["pass"]
    if passes(trace) == "endless":
        return False
    for name in ("pass", "keep-last"):
        batches = traces[name].run(0) if name in traces and traces[name].ends else []
        last = batches[-1].x if batches else None
        if last is not None and last.shape[0] < int(traces[name].scenario.config["batch_size"]):
            return True
    kept = traces.get("keep-last")
    return False if kept is not None and kept.good and kept.end.how == "stop" else None


def ownership(trace: Trace) -> dict[str, Any]:
    """Whether batches stay as they were given, x and y told apart where they differ."""
    changed = {change.field for change in trace.changed}
    words = {}
    for field in ("x", "y"):
        words[field] = "until-next" if field in changed else "view" if _overlaps(trace, field) else "fresh"
    if trace.good[0].y is None or words["x"] == words["y"]:
        return {"batch": words["x"]}
    # A view of the source shows in either, since consecutive batches share a token.
    if "view" in words.values() and not changed:
        return {"batch": "view"}
    return {"batch": words["x"], "y_batch": words["y"]}


def _overlaps(trace: Trace, field: str) -> bool:
    """Whether memory of one batch's field is memory of another batch held at the same time."""
    batches = trace.run(0)
    for first, second in itertools.pairwise(batches if trace.scenario.hold > 1 else []):
        mine = getattr(first, field)
        for theirs in (second.x, second.y):
            if mine and theirs and mine.start < theirs.stop and theirs.start < mine.stop:
                return True
    return False


def rng(evidence: Evidence) -> str | None:
    """Global if a global generator moves, or draws of others change the stream."""
    trace = evidence.trace("again" if "again" in evidence.traces else "pass")
    moved = trace.notes.get("global_generators_moved")
    if moved:
        return "global"
    if "draws" in evidence.traces and "again" in evidence.traces:
        pairs = zip(trace.good, evidence.trace("draws").good, strict=False)
        if any(a.x and b.x and a.x.data != b.x.data for a, b in pairs):
            return "global"
    return "own" if moved is not None else None


def ranks(evidence: Evidence, order: str | None) -> str | None:
    """None where ranks read the same; disjoint; sampled where they draw apart from one source."""
    two = [evidence.trace(name) for name in ("rank/2/0", "rank/2/1")]
    streams = [[batch.x.data for batch in trace.run(0) if batch.x] for trace in two]
    if streams[0] == streams[1]:
        return "none"
    seen = [_positions(evidence, trace) for trace in two]
    shared, fewest = len(np.intersect1d(seen[0], seen[1])), min(map(len, seen))
    if shared <= SHARED * fewest:
        return "disjoint" if fewest else None
    if order == "windows":
        return "sampled"
    return "none" if fewest >= ALL * len(np.union1d(seen[0], seen[1])) else None


def _positions(evidence: Evidence, trace: Trace) -> Ints:
    names = evidence.source(trace.scenario.name).names
    parts = [names.locate(batch.x.array()).ravel() for batch in trace.run(0) if batch.x]
    found: Ints = np.unique(np.concatenate([np.empty(0, np.int64), *parts]))
    return found[found >= 0]


def rank_batches(traces: Mapping[str, Trace]) -> str | None:
    """Whether ranks that came to an end gave equally many batches, by twos and by threes."""
    found = []
    for world in (2, 3):
        group = [traces[name] for name in (f"rank/{world}/{rank}" for rank in range(world)) if name in traces]
        if not group or any(passes(trace) != "one" for trace in group):
            continue
        found.append(len({len(trace.run(0)) for trace in group}) == 1)
    if not found or (all(found) and len(found) < 2):
        return None  # one equal count may be chance
    return "equal" if all(found) else "may-differ"


def workers(traces: Mapping[str, Trace]) -> bool | None:
    """Whether two worker processes were there when two were asked for."""
    trace = traces.get("workers")
    count = trace.notes.get("worker_processes") if trace is not None else None
    return None if count is None else int(count) > 0


def resume(evidence: Evidence) -> str | None:
    """Exact or approximate, as restored streams go on; none where they do not, or nothing can be saved."""
    trace = evidence.trace("pass")
    if not {"state_dict", "load_state_dict"} <= set(trace.notes.get("methods", [])):
        return None if any(batch.form == "pair and state" for batch in trace.good) else "none"
    if BASE not in evidence.traces:
        return None
    total = len(evidence.traces[BASE].good)
    names = [name.removeprefix("resume/") for name in evidence.traces if name.startswith("resume/")]
    places = [int(name) for name in names if name.isdecimal() and int(name) < total]
    grades = [restored_grade(evidence, f"resume/{at}", at) for at in places]
    if not grades:
        return "none" if any(saved.error for saved in evidence.traces[BASE].saved) else None
    if all(grade == EXACT for grade in grades):
        return "exact"
    # A later pass may begin as the first does, so beginning anew can look like a skip.
    began = content(evidence.traces[BASE].good)[:2]
    anew = [content(evidence.traces[f"resume/{at}"].good)[:2] == began for at in places if at]
    return "approximate" if all(grade.word in NEAR for grade in grades) and not all(anew) else "none"
