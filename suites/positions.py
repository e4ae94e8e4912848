"""Position and document ids that come with a batch: do they agree with its tokens?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .checks import Opinion, bad, check, ok, skip
from .evidence import Bools, Evidence, Ints
from .joins import documents_of, special

POSITION_KEYS = ("position_ids", "positions", "input_pos")
DOCUMENT_KEYS = ("document_ids", "doc_ids", "seq_idx", "sequence_ids", "segment_ids")


@check(
    "doc.positions", "masks",
    "Position or document ids, if they are given, restart with each document and agree with the tokens.",
)  # fmt: skip
def doc_positions(evidence: Evidence) -> Opinion:
    given = sorted({key for batch in evidence.trace("pass").good for key in batch.more})
    places = next((key for key in POSITION_KEYS if key in given), "")
    numbers = next((key for key in DOCUMENT_KEYS if key in given), "")
    if not places and not numbers:
        return skip("no position or document ids come with the batches")
    told = []
    for key, judged in ((numbers, _documents), (places, _positions)):
        if not key:
            continue
        opinion = judged(evidence, key)
        if opinion.verdict != "pass":
            return opinion
        told.append(opinion.reason)
    return ok("; ".join(told))


def _rows(evidence: Evidence, key: str) -> tuple[Ints, Bools, Bools]:
    """Values (n, T) of a key, whether a cell begins a document, and whether it is no padding.

    A document begins with its BOS, or with its first token where no special stands before that.
    """
    cuts = evidence.source("pass").of_split(evidence.split("pass"))
    bos = special(evidence, "pass", "bos")
    batches = [batch for batch in evidence.trace("pass").good if key in batch.more and batch.x]
    values = _stack([batch.more[key].array().astype(np.int64) for batch in batches])
    ids = _stack([batch.x.array().astype(np.int64) for batch in batches if batch.x])
    x = _stack(evidence.positions(batches, "pass"))
    first = np.isin(x, cuts[:, 0])
    after_special = np.zeros_like(first)
    after_special[:, 1:] = x[:, :-1] == -2
    begins = (ids == bos) | (first & ~after_special)
    changes = np.zeros_like(first)
    of = documents_of(x, cuts)
    changes[:, 1:] = (x[:, 1:] >= 0) & (x[:, :-1] >= 0) & (of[:, 1:] != of[:, :-1])
    return values, begins | changes, ids != special(evidence, "pass", "pad")


def _stack(parts: Sequence[Ints]) -> Ints:
    width = min(part.shape[1] for part in parts)
    return np.concatenate([part[:, :width] for part in parts])


def _documents(evidence: Evidence, key: str) -> Opinion:
    values, begins, real = _rows(evidence, key)
    changed = np.diff(values, axis=1) != 0
    wrong = np.argwhere((changed != begins[:, 1:]) & real[:, 1:] & real[:, :-1])
    if not len(wrong):
        return ok(f"{key} changes with each of {int(begins[:, 1:].sum())} documents that begin in a row")
    row, column = wrong[0].tolist()
    return bad(
        f"{key} {'changes' if changed[row, column] else 'stays the same'} at row {row}, column "
        f"{column + 1}, where {'no' if changed[row, column] else 'a'} document begins ({len(wrong)} places)",
        "document ids are made from other cuts than the tokens: packed documents see each other",
        "H15",
        places=len(wrong),
    )


def _positions(evidence: Evidence, key: str) -> Opinion:
    values, begins, real = _rows(evidence, key)
    steps, real = np.diff(values, axis=1), real[:, 1:] & real[:, :-1]
    restarts, joins = steps != 1, begins[:, 1:]
    if not (restarts & real).any() and evidence.traits.joins != "isolated":
        return ok(f"{key} runs through each row; documents flow on, nothing else is promised")
    lowest = int(values.min(initial=0))
    wrong = np.argwhere(((restarts != joins) | (joins & (values[:, 1:] != lowest))) & real)
    if not len(wrong):
        return ok(f"{key} restarts with each of {int(joins.sum())} documents that begin in a row")
    row, column = wrong[0].tolist()
    return bad(
        f"{key} goes from {values[row, column]} to {values[row, column + 1]} at row {row}, column "
        f"{column + 1}, where {'a' if joins[row, column] else 'no'} document begins ({len(wrong)} places)",
        "positions run on through the row, so a document is told it stands in the middle of another"
        if joins[row, column] else "positions restart where no document begins",
        "H15",
        places=len(wrong),
    )  # fmt: skip
