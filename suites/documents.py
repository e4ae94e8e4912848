"""Documents in a row: what stands where they begin and meet, and what is learned there."""

from __future__ import annotations

import numpy as np

from .checks import Opinion, bad, check, ok, skip
from .evidence import Cells, Evidence, Missing
from .joins import Gap, documents_of, gaps, join_gaps, last_positions, special, starts, turn_edges
from .observe import shift

OF_ITS_OWN = "token files hold their own separators; see special.roundtrip"


def _reads_tokens(evidence: Evidence) -> bool:
    return evidence.traits.reads == "tokens"


@check("bos.once", "masks", "Exactly one BOS stands before each document, at its start.", "pass", "shards")
def bos_once(evidence: Evidence) -> Opinion:
    if _reads_tokens(evidence) or evidence.traits.targets == "paired":
        return skip(OF_ITS_OWN if _reads_tokens(evidence) else "pairs are no documents")
    cells, cuts = evidence.cells("pass", 0), evidence.source("pass").of_split(evidence.split("pass"))
    bos, first = special(evidence, "pass", "bos"), starts(cuts)
    begun = [gap for gap in gaps(cells) if gap.right in first]
    counts = np.array([int((gap.between == bos).sum()) for gap in begun], np.int64)
    if not len(counts):
        return skip("no document was seen to begin inside a row")
    seen = dict(zip(*(part.tolist() for part in np.unique(counts, return_counts=True)), strict=True))
    if (counts > 1).any():
        where = begun[int(np.argmax(counts > 1))]
        return bad(
            f"{int((counts > 1).sum())} of {len(counts)} documents begin with more than one BOS "
            f"(first: the one at position {where.right})",
            "the template puts a BOS there and the tokenizer adds its own",
            "H10",
            bos_tokens_before=seen,
            counterexample=cells.where(where.cell),
        )
    if evidence.traits.separator != "bos":
        return skip(f"no BOS is promised; observed before documents: {seen}", observed=seen)
    # A row may begin after the BOS of its document, so only what follows another token counts.
    opinion = _each_has_one(cells, [gap for gap in begun if gap.left >= 0], bos)
    headless = next((name for name in ("pass", "shards") if _begins_bare(evidence, name)), "")
    if opinion.verdict == "pass" and headless:
        return bad(
            "the stream begins with the first token of the first document, its BOS is missing",
            "the place a pass begins at is one token too far",
            scenario=headless,
        )
    return opinion


def _begins_bare(evidence: Evidence, name: str) -> bool:
    """Whether the first ordinary input is the source's first token, and no BOS stands before it."""
    if name not in evidence.traces or not evidence.traces[name].run(0):
        return False
    cuts = evidence.source(name).of_split(evidence.split(name))
    full = cuts[cuts[:, 1] > cuts[:, 0]]
    cells = evidence.cells(name, 0)
    ordinary = np.flatnonzero(cells.x >= 0)
    if not len(full) or not len(ordinary) or cells.x[ordinary[0]] != full[0, 0]:
        return False
    return special(evidence, name, "bos") not in cells.x_id[: ordinary[0]]


def _each_has_one(cells: Cells, begun: list[Gap], bos: int) -> Opinion:
    without = [gap for gap in begun if bos not in gap.between]
    if any(not len(gap.between) for gap in without):
        return skip("some documents meet with nothing between them; see doc.separator")
    if without:
        return bad(
            f"{len(without)} of {len(begun)} documents begin without a BOS "
            f"(first: the one at position {without[0].right})",
            "special tokens are switched off on a path whose template has none of its own",
            "H11",
            counterexample=cells.where(without[0].cell),
        )
    return ok(f"{len(begun)} documents begin with one BOS each", documents=len(begun))


@check("doc.separator", "masks", "The declared separator stands at every join of two documents.")
def doc_separator(evidence: Evidence) -> Opinion:
    stated = evidence.traits.separator
    if _reads_tokens(evidence):
        return skip(OF_ITS_OWN)
    cells, cuts = evidence.cells("pass", 0), evidence.source("pass").of_split(evidence.split("pass"))
    joins = join_gaps(cells, cuts)
    bare = [gap for gap in joins if not len(gap.between)]
    if not joins:
        return skip("no two documents were seen to meet inside a row")
    if stated in (None, "none"):
        told = f"{len(joins) - len(bare)} of {len(joins)} joins hold a special token"
        return skip(f"no separator is promised; observed: {told}", joins=len(joins), bare=len(bare))
    if stated == "eos":
        eos = special(evidence, "pass", "eos")
        bare = [gap for gap in joins if eos not in gap.between]
    if bare:
        first = bare[0]
        return bad(
            f"at {len(bare)} of {len(joins)} joins no separator stands: position {first.right} comes "
            f"right after {first.left}",
            "documents are glued with nothing between them, so a text seems to go on in another one",
            "H12",
            counterexample=cells.where(first.cell),
        )
    return ok(f"{len(joins)} joins, a separator at each", joins=len(joins))


@check(
    "special.positions", "masks", "Special ids stand only where the template puts them.", "pass", "separators"
)
def special_positions(evidence: Evidence) -> Opinion:
    if evidence.traits.reads is None or evidence.traits.targets == "paired":
        return skip("pairs have no joins" if evidence.traits.reads else "`reads` is not stated")
    name = "separators" if _reads_tokens(evidence) else "pass"
    cells, cuts = evidence.cells(name, 0), evidence.source(name).of_split(evidence.split(name))
    edges = turn_edges(evidence, name) if evidence.traits.reads == "conversations" else set()
    broken = [
        gap for gap in gaps(cells)
        if len(gap.between) and gap.left >= 0 and gap.right == gap.left + 1 and gap.right not in edges
    ]  # fmt: skip
    inside = [gap for gap in broken if np.ptp(documents_of(np.array([gap.left, gap.right]), cuts)) == 0]
    if not inside:
        return ok(f"{int((cells.x == -2).sum())} special tokens, none inside a document's own text")
    first = inside[0]
    return bad(
        f"{len(inside)} special tokens stand inside a text (first: {first.between.tolist()} between "
        f"positions {first.left} and {first.right})",
        "specials are added to each line or chunk, and the chunks are joined afterwards",
        "H13",
        counterexample=cells.where(first.cell),
    )


@check(
    "special.roundtrip", "masks", "Separators survive every storage width: the same token at every join.",
    "separators", "wide-separators", "wide", "pass",
)  # fmt: skip
def special_roundtrip(evidence: Evidence) -> Opinion:
    names = ("separators", "wide-separators") if _reads_tokens(evidence) else ("pass", "wide")
    if not _reads_tokens(evidence) and evidence.traits.separator != "bos":
        return skip("no separator is promised")
    seen = {}
    for name in names:
        if name not in evidence.traces or not evidence.traces[name].good:
            continue
        cells, source = evidence.cells(name, 0), evidence.source(name)
        first, bos = starts(source.of_split("train")), special(evidence, name, "bos")
        begun = np.flatnonzero(np.isin(cells.x, list(first)) & (cells.column > 0))
        width = "uint32" if source.names.name == "keyed" else "uint16"
        if (cells.x >= 0).mean() < 0.5:
            return skip(f"ids stored as {width} are not read right at all; see dtype.edges")
        wrong = begun[(cells.x_id[begun - 1] != bos) & (cells.x[begun - 1] == -1)]
        missing = begun[cells.x[begun - 1] >= 0] if _reads_tokens(evidence) else begun[:0]
        if len(wrong) or len(missing):
            return _changed(evidence, name, width, int((wrong if len(wrong) else missing)[0]), bos)
        seen[width] = len(begun)
    if not any(seen.values()):
        raise Missing("no document was seen to begin inside a row")
    return ok(", ".join(f"{width}: {n} joins" for width, n in seen.items()), **seen)


def _changed(evidence: Evidence, name: str, width: str, cell: int, bos: int) -> Opinion:
    cells = evidence.cells(name, 0)
    return bad(
        f"stored as {width}, a document begins after the id {int(cells.x_id[cell - 1])}, not after {bos}",
        "a separator is written in one width and looked for, or clipped, in another",
        "D4",
        scenario=name,
        counterexample=cells.where(cell),
    )


@check(
    "doc.boundary_target", "masks",
    "The target at a join follows the declared policy, and no cut document is taught to end there.",
    "pass", "separators",
)  # fmt: skip
def doc_boundary_target(evidence: Evidence) -> Opinion:
    traits = evidence.traits
    if traits.reads not in ("tokens", "documents") or traits.targets != "shifted":
        return skip("no documents with shifted targets are promised")
    name = "separators" if _reads_tokens(evidence) else "pass"
    cells = evidence.cells(name)
    if shift(cells) != 1 or special_positions(evidence).verdict == "fail":
        return skip("targets are not one on, or stand inside a text; see shift.exact, special.positions")
    ends = last_positions(evidence.source(name).of_split(evidence.split(name)))
    ordinary, at_end = cells.x >= 0, np.isin(cells.x, ends)
    cut = np.flatnonzero(cells.supervised & ordinary & ~at_end & (cells.y == -2))
    if len(cut):
        return bad(
            f"{len(cut)} targets teach that a text ends where it was cut (first: after position "
            f"{int(cells.x[cut[0]])})",
            "a document is cropped, and the separator after it becomes the target of its last token",
            "B12",
            counterexample=cells.where(int(cut[0])),
        )
    across = at_end & ((cells.y < 0) | (cells.y != cells.x + 1))
    return _policy(traits.mask, int((across & cells.supervised).sum()), int(across.sum()))


def _policy(mask: str | None, trained: int, total: int) -> Opinion:
    """Whether as many of the targets across joins are trained on as the stated mask says."""
    if mask == "end-of-document" and trained:
        return bad(
            f"{trained} of {total} targets across a join are trained on",
            "the mask for ends of documents is not applied",
            "B12",
        )
    if mask == "none" and trained < total:
        return bad(
            f"{total - trained} of {total} targets at the end of a document are ignored, though none is "
            "declared to be",
            "the ends of documents are never learned: the model does not stop",
            "H7",
        )
    if mask is None:
        return skip(f"`mask` is not stated; {trained} of {total} targets across joins are trained on")
    return ok(f"{total} targets at joins, {trained} of them trained on, as declared")
