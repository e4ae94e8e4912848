"""Conversations: what happens to those too long for a row, to their prompts, and to what they spell."""

from __future__ import annotations

import numpy as np

from ..loaders.spelled import AFTER, BEFORE
from ..loaders.tokenizer import SPECIAL_NAMES, bpe_encoding
from .accounts import all_positions
from .checks import Opinion, bad, check, ok, skip
from .evidence import Bools, Evidence, Ints, Missing
from .joins import documents_of

PROMPTS = ("pass", "overlong")
DROPPED = "what is too long for a row is dropped, or stays in the buffer for ever"
CLOGGED = "items too long for a row clog the buffer, and the others never get through"


@check(
    "conv.overlong", "masks",
    "Items longer than a row leave the buffer by the declared rule, at several T, and block nothing.",
    "overlong", "overlong/wide",
)  # fmt: skip
def conv_overlong(evidence: Evidence) -> Opinion:
    stated = evidence.traits.loss
    if stated is None:
        return skip("`loss` is not stated, so any item may be left out")
    told = []
    for name in ("overlong", "overlong/wide"):
        if name not in evidence.traces:
            raise Missing("no items that flow through rows are promised")
        trace = evidence.traces[name]
        if not trace.good or trace.end.how in ("error", "died", "deadline"):
            return bad(f"with items longer than a row the loader {trace.fate()}", "no rule for them", "B13")
        opinion = _left_out(evidence, name)
        if opinion.verdict != "pass":
            return opinion
        told.append(opinion.reason)
    return ok("; ".join(told))


def _left_out(evidence: Evidence, name: str) -> Opinion:
    """Items of which nothing was seen, and what was cut off those that were."""
    width = int(evidence.traces[name].scenario.config["seq_len"])
    cuts = evidence.source(name).of_split("train")
    shown = np.concatenate([part.ravel() for part in all_positions(evidence, name)])
    seen = np.zeros(int(cuts.max()), bool)
    seen[shown[(shown >= 0) & (shown < len(seen))]] = True
    lengths, counts = cuts[:, 1] - cuts[:, 0], np.array([int(seen[a:b].sum()) for a, b in cuts])
    long = lengths > width
    for which, what, cause in ((long, "longer than a row", DROPPED), (~long, "that fit a row", CLOGGED)):
        gone = which & (counts == 0)
        if _past_promise(evidence, name, lengths[gone]):
            told = (
                f"of {int(which.sum())} items {what} (T = {width}), {int(gone.sum())} never appear in a pass"
            )
            return bad(told, cause, "B13", scenario=name)
    shorter = lengths[long] - counts[long] > 1
    cut = int((shorter & (counts[long] > 0)).sum())
    if evidence.traits.loss in ("none", "tail") and cut > 1:
        limits = np.unique(counts[long][shorter])
        return bad(
            f"{cut} of {int(long.sum())} items longer than a row lose tokens, though none may "
            f"(T = {width}; most that was kept of one: {int(limits.max())})",
            "a limit on the length of one item is written into the code, whatever T is",
            "B14",
            scenario=name,
            kept=limits.tolist()[:10],
        )
    return ok(f"T = {width}: {int(long.sum())} items longer than a row, {cut} cut, none left out")


def _past_promise(evidence: Evidence, name: str, gone: Ints) -> bool:
    """Whether items of these lengths, none of which was seen, are more than a pass may leave out.

    That is what a dropped last batch holds: whole items and what separates them, or cropped ones. And
    where rows are cropped, the cut at the end of one may take all of the item that would have begun there.
    """
    config, loss = evidence.traces[name].scenario.config, evidence.traits.loss
    width, size = int(config["seq_len"]), int(config["batch_size"])
    room = np.sort(gone + 1 if loss in ("none", "tail") else np.minimum(gone, width))
    excused = _rows_cut_between(evidence, name) if loss == "crop" and len(gone) else 0
    endless = loss == "none" and evidence.traits.passes == "endless"
    return bool(room[: max(0, len(gone) - excused)].sum() > (0 if endless else width * size))


def _rows_cut_between(evidence: Evidence, name: str) -> int:
    """Rows whose last token is the last of an item, so that the next one may have been cut whole."""
    ends = evidence.source(name).of_split("train")[:, 1] - 1
    parts = (part.reshape(len(part), -1)[:, ::-1] for part in all_positions(evidence, name))
    lasts = [np.take_along_axis(part, (part >= 0).argmax(1)[:, None], 1) for part in parts]
    return sum(int(np.isin(last, ends).sum()) for last in lasts)


@check(
    "conv.fragment", "masks", "No supervised span appears without the beginning of its conversation.",
    *PROMPTS,
)  # fmt: skip
def conv_fragment(evidence: Evidence) -> Opinion:
    if evidence.traits.reads != "conversations" or evidence.traits.order == "windows":
        return skip("no conversations in whole are promised")
    seen = 0
    for name in PROMPTS:
        if name not in evidence.traces or not evidence.traces[name].good:
            continue
        cells, cuts = evidence.cells(name, 0), evidence.source(name).of_split("train")
        known = np.flatnonzero(cells.x >= 0)
        positions = cells.x[known]
        of = documents_of(positions, cuts)
        begun = np.flatnonzero((np.diff(of) != 0) | (np.diff(positions) < 0)) + 1
        late = begun[positions[begun] - cuts[of[begun], 0] > 1]
        taught = [int(i) for i in late if _is_taught(cells.supervised, known, of, int(i))]
        if taught:
            first = taught[0]
            return bad(
                f"{len(taught)} of {len(begun)} conversations begin in their middle (first: at position "
                f"{positions[first]} of a conversation that starts at {cuts[of[first], 0]})",
                "what did not fit a row is put back as a conversation of its own, or the front is cut off: "
                "answers are trained without their prompts",
                "B4",
                scenario=name,
                counterexample=cells.where(int(known[first])),
            )
        seen += len(begun)
    return ok(f"{seen} conversations begin at their beginning", conversations=seen)


def _is_taught(supervised: Bools, known: Ints, of: Ints, start: int) -> bool:
    """Whether a target counts in the part of a conversation that begins here."""
    others = np.flatnonzero(of[start:] != of[start])
    stop = start + int(others[0]) if len(others) else len(of)
    return bool(supervised[known[start] : known[stop - 1] + 1].any())


@check(
    "special.injection", "masks", "Content that spells control tokens never yields control ids.", "spelled"
)
def special_injection(evidence: Evidence) -> Opinion:
    trace = evidence.traces.get("spelled")
    if trace is None:
        return skip("token files hold no text")
    if not trace.good:
        names = [name for name in SPECIAL_NAMES if name in trace.end.error]
        if names:
            return bad(
                f"a text that spells {names[0]} stops the loader: it {trace.fate()}",
                "the encoder refuses texts that spell a special token; encode content as ordinary text",
                "H14",
            )
        return skip(f"the loader cannot read this corpus: it {trace.fate()}")
    forged, kept = 0, 0
    example = ""
    encoding = bpe_encoding()
    control = np.array([encoding.encode_single_token(name) for name in SPECIAL_NAMES])
    streams = [b.x.array().ravel() for b in trace.good if b.x]
    streams += [b.y.array().ravel() for b in trace.good if b.y] if evidence.traits.targets == "paired" else []
    for ids in streams:
        places = np.flatnonzero(np.isin(ids, control))
        texts = [encoding.decode(part[part >= 0].tolist()) for part in _between(ids, places)]
        for place, before, after in zip(places, texts, texts[1:], strict=False):
            if before.endswith(BEFORE) and after.startswith(AFTER):
                forged += 1
                example = example or f"...{before[-12:]}[{encoding.decode([int(ids[place])])}]{after[:12]}..."
        kept += sum(text.count(f"{BEFORE}<|") for text in texts)
    if not forged:
        return ok(f"{kept} spelled control tokens stayed text", spelled=kept)
    return bad(
        f"{forged} control tokens were forged by the content of messages: {example}",
        "content is encoded with special tokens allowed, so what a user writes can open a turn of its own",
        "H14",
        forged=forged,
        kept=kept,
    )


def _between(ids: Ints, places: Ints) -> list[Ints]:
    """The stretches of ids before, between and after some places."""
    return [part[1:] if i else part for i, part in enumerate(np.split(ids, places))]
