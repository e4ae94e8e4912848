"""Prompt and response: matched, ended, and in their own widths."""

from __future__ import annotations

import numpy as np

from ..loaders.corpus_writer import pair_cut
from ..loaders.tokenizer import specials
from .checks import Opinion, bad, check, ok, skip
from .evidence import SPECIAL, Evidence, Ints


def _paired(evidence: Evidence) -> bool:
    return evidence.traits.targets == "paired"


def _rows(evidence: Evidence, name: str) -> list[tuple[Ints, Ints]]:
    """Ids of prompt and response of every row, padding cut off."""
    pad = specials(evidence.source(name).names.first_special)["<|pad|>"]
    rows = []
    for batch in evidence.trace(name).good:
        if batch.x is None or batch.y is None:
            continue
        for x, y in zip(batch.x.array(), batch.y.array(), strict=True):
            rows.append((x[x != pad].astype(np.int64), y[(y != pad) & (y >= 0)].astype(np.int64)))
    return rows


@check("pairs.matched", "masks", "Each response is the one that belongs to its prompt.")
def pairs_matched(evidence: Evidence) -> Opinion:
    if not _paired(evidence):
        return skip("no pairs are promised")
    names, matched = evidence.source("pass").names, 0
    cuts = evidence.source("pass").of_split("train")
    cut_at = {int(start): int(start) + pair_cut(int(end - start)) for start, end in cuts}
    telling = 0  # rows that show something of both sides; at T = 1 a response is its end token alone
    for x, y in _rows(evidence, "pass"):
        place_x, place_y = names.locate(x), names.locate(y)
        if not len(x) or not len(y) or SPECIAL in (place_x[0], place_y[0]):
            continue
        telling += 1
        if place_x[0] not in cut_at or place_y[0] < 0:
            continue
        if place_y[0] != cut_at[int(place_x[0])]:
            return bad(
                f"the prompt at {place_x[0]} came with a response at {place_y[0]}, "
                f"not at {cut_at[int(place_x[0])]}",
                "prompts and responses are shuffled or filtered apart from each other",
            )
        matched += 1
    if not telling:
        return skip("no row shows tokens of both sides")
    if not matched:
        return bad("no prompt could be matched with its response", "the rows hold other text than the source")
    return ok(f"{matched} prompts with their own responses", pairs=matched)


@check("pairs.end", "masks", "Every response ends with the end token, once.")
def pairs_end(evidence: Evidence) -> Opinion:
    if not _paired(evidence):
        return skip("no pairs are promised")
    eos = specials(evidence.source("pass").names.first_special)["<|eos|>"]
    rows = _rows(evidence, "pass")
    without = [y for _, y in rows if not len(y) or y[-1] != eos]
    if not without:
        return ok(f"all {len(rows)} responses end with <|eos|>")
    return bad(
        f"{len(without)} of {len(rows)} responses do not end with <|eos|>",
        "the end is spelled as text, which is no control token, or truncation cuts it off: "
        "the model never learns to stop",
        "H7",
        example=without[0][-5:].tolist(),
    )
