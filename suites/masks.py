"""Masks: the loss falls on what the assistant says, its end included, and on no padding."""

from __future__ import annotations

import numpy as np

from ..loaders.corpus_writer import turn_cuts
from ..loaders.tokenizer import specials
from .checks import Opinion, bad, check, ok, skip
from .evidence import Cells, Evidence, Ints


def _assistant(evidence: Evidence, name: str) -> Ints:
    """Positions of assistant content, sorted."""
    spans_ = []
    for index, (start, end) in enumerate(evidence.source(name).of_split(evidence.split(name))):
        for role, low, high in turn_cuts(index, int(end - start)):
            if role == "assistant":
                spans_.append(np.arange(start + low, start + high))
    return np.concatenate(spans_)


def _role_ids(evidence: Evidence, name: str) -> dict[str, int]:
    return specials(evidence.source(name).names.first_special)


def _cells(evidence: Evidence) -> Cells:
    return evidence.cells("pass", 0)


@check("mask.roles", "masks", "Supervised targets lie only in assistant spans.")
def mask_roles(evidence: Evidence) -> Opinion:
    if evidence.traits.mask != "assistant":
        return skip("no mask by role is promised")
    cells = _cells(evidence)
    told = cells.supervised & (cells.y >= 0)
    wrong = told & ~np.isin(cells.y, _assistant(evidence, "pass"))
    control = _role_ids(evidence, "pass")
    others = [v for k, v in control.items() if k not in ("<|assistant_end|>", "<|eos|>", "<|pad|>")]
    stray = cells.supervised & np.isin(cells.y_id, others)
    if not wrong.any() and not stray.any():
        return ok(f"all {int(told.sum())} supervised targets are the assistant's", targets=int(told.sum()))
    everything = bool(cells.supervised.all())
    first = int(np.flatnonzero(wrong | stray)[0])
    return bad(
        f"supervised are {int(wrong.sum())} targets that are not the assistant's and "
        f"{int(stray.sum())} role tokens",
        "the mask is dropped: every target is trained on, the user's words too" if everything
        else "the mask is off by one: it is applied in input coordinates" if _edges_only(cells, wrong)
        else "the mask covers other spans than the assistant's",
        "H1" if everything else "H2",
        counterexample=cells.where(first),
        supervised_share=round(float(cells.supervised.mean()), 4),
    )  # fmt: skip


def _edges_only(cells: Cells, wrong: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
    return int(wrong.sum()) < 0.2 * int(cells.supervised.sum())


@check(
    "mask.aligned", "masks",
    "Every assistant token, the first included, and the end-of-turn token are supervised targets.",
)  # fmt: skip
def mask_aligned(evidence: Evidence) -> Opinion:
    if evidence.traits.mask != "assistant":
        return skip("no mask by role is promised")
    cells = _cells(evidence)
    if not cells.supervised.any():
        return skip("nothing at all is supervised; see mask.nonempty")
    inputs = np.unique(cells.x[cells.x >= 0])
    assistant = _assistant(evidence, "pass")
    # A token that was an input was a target one cell earlier, so its supervision was visible.
    seen = assistant[np.isin(assistant, inputs)]
    trained = np.isin(seen, cells.y[cells.supervised])
    end = _role_ids(evidence, "pass")["<|assistant_end|>"]
    ends_in, ends_out = int((cells.x_id == end).sum()), int((cells.supervised & (cells.y_id == end)).sum())
    budget = 2  # the first token of the stream has no cell before it; its last cell is cut off
    if int((~trained).sum()) <= budget and ends_out >= ends_in - budget:
        return ok(f"{len(seen)} assistant tokens and {ends_out} end tokens are targets")
    missing = seen[~trained]
    starts = np.isin(missing - 1, assistant, invert=True).mean() if len(missing) else 0.0
    return bad(
        f"{len(missing)} assistant tokens and {max(0, ends_in - ends_out)} of {ends_in} end tokens "
        "are never supervised",
        "the first token of each answer is not trained: the mask is one cell late" if starts > 0.5
        else "the end of a turn is never learned: the model will not stop" if not len(missing)
        else "answers are left out of the loss",
        "H2",
        positions=missing[:20].tolist(),
    )  # fmt: skip


@check(
    "mask.padding", "masks", "Every padded cell is masked and the last real one is not.", "pass", "exact+0"
)
def mask_padding(evidence: Evidence) -> Opinion:
    if evidence.traits.mask != "padding":
        return skip("no padding mask is promised")
    pad = _role_ids(evidence, "pass")["<|pad|>"]
    padded = rows = 0
    for batch in evidence.trace("pass").good:
        for part, mask in ((batch.x, batch.input_mask), (batch.y, batch.mask)):
            if part is None:
                continue
            ids = part.array()
            if mask is None:
                if (ids == pad).any() and part is batch.x:
                    return bad("rows are padded, but no mask comes with them", "the mask was dropped")
                continue
            real = mask.array() != 0
            if (real & (ids == pad)).any() or (~real & (ids != pad)).any():
                where = np.argwhere(real & (ids == pad) | ~real & (ids != pad))[0].tolist()
                return bad(
                    f"batch {batch.index}, row {where[0]}, column {where[1]}: mask and padding disagree",
                    "the mask's length is off by one, or it was made for another tensor",
                )
            padded, rows = padded + int((~real).sum()), rows + len(ids)
    return ok(f"{padded} padded cells in {rows} rows, all masked", padded=padded)
