"""What is read and in which order, as inputs show it by their source positions."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from ..loaders.tokenizer import specials
from .evidence import Evidence, Ints, Missing
from .observe import shift

LAPS = 4  # steps back that an endless stream takes when it begins anew
MOST = 0.9  # a behaviour is a habit when it holds in nine of ten cases
SEAM = 0.7  # of the cuts, where joins of documents account for the rest
REPEATED = 0.02  # of half a pass: only draws with replacement repeat more
IN_PLACE = 0.5  # correlation of place and time above which a buffer has a bound
JOINS = 20  # joins that rows would show at least, were they not kept apart


@dataclasses.dataclass(frozen=True)
class Reading:
    """The rows of one iteration: ids and positions of inputs and targets, and where documents lie."""

    evidence: Evidence
    name: str = "pass"

    @functools.cached_property
    def rows(self) -> list[tuple[int, Ints, Ints, Ints | None]]:
        """Batch, ids of x, positions of x, positions of y (None without targets), row by row."""
        names = self.evidence.source(self.name).names
        found = []
        for batch in self.evidence.trace(self.name).run(0):
            if batch.x is None or len(batch.x.shape) != 2:
                continue
            ids, x = batch.x.array().astype(np.int64), names.locate(batch.x.array())
            y = names.locate(np.maximum(batch.y.array().astype(np.int64), -1)) if batch.y else None
            paired = y is not None and y.ndim == 2 and len(y) == len(x)
            found += [(batch.index, ids[i], x[i], y[i] if paired and y is not None else None)
                      for i in range(len(x))]  # fmt: skip
        if not found:
            raise Missing("no rows to look at")
        return found

    @functools.cached_property
    def special(self) -> dict[str, int]:
        """Ids of special tokens by name."""
        return dict(specials(self.evidence.source(self.name).names.first_special))

    @functools.cached_property
    def cuts(self) -> Ints:
        """First and past-last position of each document."""
        return self.evidence.source(self.name).of_split(self.evidence.split(self.name))

    @functools.cached_property
    def known(self) -> Ints:
        """Positions of all inputs that name one, in their order."""
        flat = np.concatenate([x for _, _, x, _ in self.rows])
        return flat[flat >= 0]

    @functools.cached_property
    def present(self) -> set[str]:
        """Names of the special tokens among the inputs."""
        ids = np.unique(np.concatenate([ids for _, ids, _, _ in self.rows]))
        return {name for name, id_ in self.special.items() if id_ in ids}

    def document(self, positions: Ints) -> Ints:
        """Which document each position belongs to."""
        return np.searchsorted(self.cuts[:, 0], positions, "right") - 1


def reading(evidence: Evidence) -> dict[str, Any]:
    """Traits of what is read; raises :class:`Missing` where there are no rows."""
    view = Reading(evidence)
    seen: dict[str, Any] = {"targets": targets(view)}
    if seen["targets"] is None and max(len(x) for _, _, x, _ in view.rows) == 1:
        raise Missing("a single token a row, and no relation to its target: anything may be read")
    seen["order"] = order(view, by_document=seen["targets"] == "paired")
    seen["reads"] = reads(view, seen["targets"], seen["order"])
    if seen["targets"] == "paired":
        return seen | {"joins": "isolated"}
    if seen["reads"] in ("documents", "conversations"):
        seen["separator"] = separator(view)
    return seen | {"overlap": seam(view, "batch"), "row_overlap": seam(view, "row"), "joins": joins(view)}


def targets(view: Reading) -> str | None:
    """Shifted, same or paired; None for another relation, or none."""
    if all(batch.y is None for batch in view.evidence.trace("pass").good):
        return "same"
    if _paired(view):
        return "paired"
    try:
        distance = shift(view.evidence.cells("pass", 0))
    except Missing:
        return None
    return {0: "same", 1: "shifted"}.get(-1 if distance is None else distance)


def _paired(view: Reading) -> bool:
    """Whether the targets of a row are what its own document goes on with, after its inputs."""
    told = []
    for _, _, x, y in view.rows:
        prompt, response = x[x >= 0], y[y >= 0] if y is not None else x[:0]
        if len(prompt) and len(response):
            same = view.document(prompt)[0] == view.document(response)[0]
            told.append(int(same and response[0] > prompt[-1]))
    return len(told) >= 4 and float(np.mean(told)) >= MOST and max(len(x) for _, _, x, _ in view.rows) > 1


def reads(view: Reading, targets_: str | None, order_: str | None) -> str | None:
    """Which kind of source explains the ids."""
    if any("user" in name or "assistant" in name for name in view.present):
        return "conversations"
    if targets_ == "paired":
        return "pairs"
    if view.present - {"<|pad|>"}:
        return "documents"  # the token file of this scenario holds no special token
    if "separators" in view.evidence.traces:  # there it does
        try:
            return "tokens" if Reading(view.evidence, "separators").present else "documents"
        except Missing:
            return None
    return "tokens" if order_ == "windows" else None


def order(view: Reading, by_document: bool = False) -> str | None:
    """Sequential; windows where half a pass repeats; reordered where the old order shows; shuffled.

    Pairs may be truncated, so of them documents are compared instead of positions.
    """
    places, total = view.known, int((view.cuts[:, 1] - view.cuts[:, 0]).sum())
    if by_document:
        firsts = [x[x >= 0][:1] for _, _, x, _ in view.rows]
        places, total = view.document(np.concatenate(firsts)), len(view.cuts)
    steps = np.diff(places)
    jumps = steps[steps != 1]
    if len(steps) < 2:
        return None
    if int((jumps < 0).sum()) <= max(LAPS, 0.1 * len(jumps)):
        return "sequential"
    half = places[: max(2, total // 2)]
    if 1 - len(np.unique(half)) / len(half) > REPEATED:
        return "windows"
    lap = places[:total]
    return "reordered" if np.corrcoef(np.arange(len(lap)), lap)[0, 1] > IN_PLACE else "shuffled"


def seam(view: Reading, what: str) -> int | None:
    """Tokens shared across the cut between rows or batches: 1, 0, or None for no relation."""
    steps = []
    for (batch, _, last, _), (following, _, first, _) in zip(view.rows, view.rows[1:], strict=False):
        if (batch != following) == (what == "batch") and last[-1] >= 0 and first[0] >= 0:
            steps.append(int(first[0] - last[-1]))
    for distance, shared in ((1, 1), (2, 0)):
        if len(steps) >= 3 and float((np.array(steps) == distance).mean()) >= SEAM:
            return shared
    return None


def separator(view: Reading) -> str | None:
    """What stands where documents meet; None for more than one thing."""
    there = [word for word in ("bos", "eos") if f"<|{word}|>" in view.present]
    return there[0] if len(there) == 1 else None if there else "none"


def joins(view: Reading) -> str | None:
    """Flow, aligned or isolated; None where rows are too short to show a join."""
    width = max(len(x) for _, _, x, _ in view.rows)
    several = 0
    for _, _, x, _ in view.rows:
        documents = view.document(x[x >= 0])
        several += bool(len(documents) and documents.max() > documents.min())
    if not several:
        mean = float((view.cuts[:, 1] - view.cuts[:, 0]).mean())
        return "isolated" if len(view.rows) * (width - 1) / max(mean, 1.0) >= JOINS else None
    first = [int(ids[0]) for _, ids, _, _ in view.rows]
    starts = [view.special[name] for name in ("<|bos|>", "<|eos|>") if name in view.special]
    return "aligned" if any(np.mean(np.array(first) == start) >= 0.98 for start in starts) else "flow"
