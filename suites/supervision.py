"""What is supervised at all: rows with nothing to learn, ends, and masks that must outlive packing."""

from __future__ import annotations

import numpy as np

from .checks import Opinion, bad, check, ok, skip
from .circumstances import PACKING
from .evidence import Evidence, Ints, supervised
from .joins import special

EDGES = 2  # the first token of a stream has no cell before it, the last one none after


@check("mask.nonempty", "masks", "Rows and batches with nothing supervised are as declared, and not all are.")
def mask_nonempty(evidence: Evidence) -> Opinion:
    traits, ignored = evidence.traits, evidence.ignored()
    parts = [supervised(b, ignored) for b in evidence.trace("pass").good if b.y is not None and b.y.data]
    if not parts:
        return skip("the batches hold no targets")
    rows = np.concatenate([part.reshape(len(part), -1).any(axis=1) for part in parts])
    batches = np.array([part.any() for part in parts])
    told = (
        f"{int((~rows).sum())} of {len(rows)} rows and {int((~batches).sum())} of {len(batches)} batches "
        "hold no supervised target"
    )
    if not rows.any():
        return bad(
            "no target of the whole pass is supervised",
            "the marker that opens an answer is never found (it tokenises otherwise in its context), so "
            "everything is masked and the loss is zero or not a number",
            "H8",
            rows=len(rows),
        )
    whole = traits.joins in ("isolated", "aligned") and traits.mask == "assistant"
    if whole and not rows.all() and traits.loss not in ("crop", "truncation"):
        return bad(
            told,
            "the prompt fills the row and the answer is cut off, though no loss of that kind is declared",
            "H4",
            rows=int((~rows).sum()),
            batches=int((~batches).sum()),
        )
    if whole and not batches.all():
        return bad(
            told,
            "the prompt fills the row and the answer is cut off; where that takes a whole batch the mean "
            "loss is not a number",
            "H4",
            rows=int((~rows).sum()),
            batches=int((~batches).sum()),
        )
    return ok(told, rows=int((~rows).sum()), batches=int((~batches).sum()))


@check(
    "mask.eos_supervised", "masks", "End tokens stay supervised when the pad token has the same id.",
    "pad-is-end", "pass",
)  # fmt: skip
def mask_eos_supervised(evidence: Evidence) -> Opinion:
    if "pad-is-end" not in evidence.traces:
        return skip("no mask by role or for padding is promised")
    paired = evidence.traits.targets == "paired"
    name = "eos" if paired else "assistant_end"
    before, _ = _ends(evidence, "pass", special(evidence, "pass", name))
    trained, there = _ends(evidence, "pad-is-end", special(evidence, "pad-is-end", name))
    if not before:
        return skip(f"no <|{name}|> is supervised at all; see {'pairs.end' if paired else 'mask.aligned'}")
    if trained >= there - EDGES:
        return ok(f"{trained} end tokens are targets though padding has their id", ends=trained)
    return bad(
        f"with pad id equal to <|{name}|>, {there - trained} of {there} end tokens are not supervised",
        "padding is masked by its value, and the end token has the same: the model never stops",
        "H7",
        ends=there,
        supervised=trained,
    )


def _ends(evidence: Evidence, name: str, end: int) -> tuple[int, int]:
    """End tokens that are supervised targets, and those there are: runs of them, pads included."""
    trained = there = 0
    for batch in evidence.trace(name).good:
        assert batch.x is not None
        if batch.y is None:
            continue
        y, counts = batch.y.array(), supervised(batch, evidence.ignored())
        trained += int(((y == end) & counts).sum())
        source = y if evidence.traits.targets == "paired" else batch.x.array()
        is_end = np.ascontiguousarray(source == end)
        before = np.zeros_like(is_end)
        before[:, 1:] = is_end[:, :-1]
        there += int((is_end & ~before).sum())
    return trained, there


@check(
    "mask.survives_packing", "masks", "The same targets are supervised packed and unpacked.",
    "packed", "unpacked",
)  # fmt: skip
def mask_survives_packing(evidence: Evidence) -> Opinion:
    if "packed" not in evidence.traces:
        return skip(f"the loader has no option {' or '.join(PACKING)}")
    sets = {name: _trained(evidence, name) for name in ("packed", "unpacked")}
    both = np.intersect1d(sets["packed"][0], sets["unpacked"][0])
    packed, unpacked = (np.intersect1d(sets[name][1], both) for name in ("packed", "unpacked"))
    differ = np.setxor1d(packed, unpacked)
    if len(differ) <= max(EDGES, 0.02 * len(unpacked)):
        return ok(f"{len(packed)} targets supervised packed, {len(unpacked)} unpacked", targets=len(packed))
    return bad(
        f"{len(packed)} targets are supervised packed, {len(unpacked)} unpacked, of {len(both)} seen in both",
        "the mask is not carried through packing: it is made of the ids alone" if len(packed) > len(unpacked)
        else "the mask moves against the tokens when rows are packed",
        "H3",
        packed=len(packed),
        unpacked=len(unpacked),
        positions=differ[:20].tolist(),
    )  # fmt: skip


def _trained(evidence: Evidence, name: str) -> tuple[Ints, Ints]:
    """Positions seen as inputs after another input of their row, and those that were targets."""
    cells = evidence.cells(name)
    later = (cells.column > 0) & (cells.x >= 0)
    return np.unique(cells.x[later]), np.unique(cells.y[cells.supervised & (cells.y >= 0)])
