"""Shapes, dtypes and ids: is every batch what the model will accept?"""

from __future__ import annotations

import numpy as np

from ..loaders.traits import INTEGER_DTYPES
from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Missing
from .scenarios import KEEP_LAST
from .successors import in_vocabulary
from .trace import Recorded, Tensor

SHAPED = ("pass", "one", "val", "keep-last", *KEEP_LAST, "exact-1", "exact+0", "exact+1", "exact+2")


def _batches(evidence: Evidence, names: tuple[str, ...] = SHAPED) -> list[tuple[str, Recorded]]:
    found = [
        (name, batch) for name in names if name in evidence.traces for batch in evidence.traces[name].good
    ]
    if not found:
        evidence.trace("pass")  # says why there is nothing
        raise Missing("no batch to judge")
    return found


def _parts(batch: Recorded) -> list[tuple[str, Tensor]]:
    return [(name, part) for name, part in (("x", batch.x), ("y", batch.y)) if part is not None]


@check(
    "shape.bt", "shapes",
    "x and y are exactly (B, T) in every batch, the last included, unless short last batches are declared; "
    "rows of a ragged loader that truncates are no wider than T.",
    *SHAPED,
)  # fmt: skip
def shape_bt(evidence: Evidence) -> Opinion:
    ragged = evidence.traits.shape == "ragged"
    cut = evidence.traits.loss == "truncation"
    batches, count = _batches(evidence), 0
    last_of = {(name, batch.run): batch.index for name, batch in batches}
    for name, batch in batches:
        config = evidence.traces[name].scenario.config
        want = (int(config["batch_size"]), int(config["seq_len"]))
        last = batch.index == last_of[name, batch.run]
        for part_name, part in _parts(batch):
            if not part.shape or not part.shape[0]:
                continue  # batch.nonempty speaks of those
            fits = _shape_fits(part, want, ragged, last and evidence.traits.short_last is not False)
            overlong = ragged and cut and part.shape[-1] > want[1]
            if fits and not overlong:
                continue
            if evidence.traits.shape is None and evidence.traits.targets is None and len(part.shape) == 2:
                return skip("widths differ; `shape` is not stated", observed="ragged")
            return bad(
                f"{part_name} of batch {batch.index} is {tuple(part.shape)}, not {want}",
                "rows are truncated to T, and then something is added" if fits else _shape_cause(part, want),
                "A10" if part.shape[-1] == want[1] + 1 else "",
                scenario=name,
            )
        count += 1
    return ok(f"all {count} batches have their shape", batches=count)


def _shape_fits(part: Tensor, want: tuple[int, int], ragged: bool, short: bool) -> bool:
    if len(part.shape) != 2:
        return False
    rows, width = part.shape
    rows_fit = rows == want[0] or (short and 0 < rows < want[0])
    return rows_fit and (ragged or width == want[1])


def _shape_cause(part: Tensor, want: tuple[int, int]) -> str:
    if len(part.shape) != 2:
        return f"a batch of {len(part.shape)} dimensions: rows were not stacked, or stacked twice"
    if part.shape[1] == want[1] + 1:
        return "the raw window of T+1 tokens was yielded untrimmed"
    if part.shape[1] == want[1] - 1:
        return "rows are one short: the window of T tokens was cut into inputs and targets of T-1"
    if part.shape[0] != want[0]:
        return "an incomplete batch is yielded although it is not declared (or not the last)"
    return "the row was clipped at the end of the data"


@check("dtype.declared", "shapes", "x and y are integers of the declared types.", "pass", "wide")
def dtype_declared(evidence: Evidence) -> Opinion:
    stated = {"x": evidence.traits.x_dtype, "y": evidence.traits.y_dtype}
    seen: dict[str, str] = {}
    for name, batch in _batches(evidence, ("pass", "wide")):
        for part_name, part in _parts(batch):
            first = seen.setdefault(part_name, part.dtype)
            if part.dtype not in INTEGER_DTYPES:
                return bad(
                    f"{part_name} is {part.dtype}: token ids are integers",
                    "a cast to the model's dtype was applied to the ids as well",
                )
            if part.dtype != (stated[part_name] or first):
                return bad(
                    f"{part_name} of batch {batch.index} is {part.dtype}, not {stated[part_name] or first}",
                    "declared otherwise" if stated[part_name] else "the type changes from batch to batch",
                    "D3",
                    scenario=name,
                )
    told = ", ".join(f"{name} {dtype}" for name, dtype in seen.items())
    return (
        ok(told) if any(stated.values()) else skip(f"dtypes are not stated; observed: {told}", observed=seen)
    )


@check("vocab.range", "shapes", "All ids lie in [0, V); targets too, save the ignored value.", "pass", "wide")
def vocab_range(evidence: Evidence) -> Opinion:
    ignored, count = evidence.ignored(), 0
    for name, batch in _batches(evidence, ("pass", "wide", "val")):
        size = evidence.source(name).names.first_special + 15
        for part_name, part in _parts(batch):
            values = part.array()
            outside = (values < 0) | (values >= size)
            if part_name == "y":
                outside &= ~np.isin(values, ignored)
            if outside.any():
                worst = values[outside].flat[0]
                return bad(
                    f"{part_name} of batch {batch.index} holds {worst}, outside [0, {size})",
                    "unsigned tokens were read as signed" if worst < 0
                    else "tokens were read at another width than they were stored",
                    "D2" if worst < 0 else "D3",
                    scenario=name,
                    ids_outside=int(outside.sum()),
                )  # fmt: skip
            count += values.size
    return ok(f"all {count} ids lie in the vocabulary", ids=count)


@check(
    "dtype.edges", "shapes",
    "Ids on both sides of 2**15 and 2**16 survive store and load, or the loader refuses.", "wide",
)  # fmt: skip
def dtype_edges(evidence: Evidence) -> Opinion:
    if evidence.traits.reads not in ("tokens", "documents"):
        return skip("only token sources are stored at another width")
    trace = evidence.traces.get("wide")
    if trace is None:
        return skip("this loader is not asked to read 32-bit ids")
    if trace.broke and not trace.good:
        return skip(f"the loader refuses 32-bit ids: it {trace.fate()}")
    cells = evidence.cells("wide")
    known = cells.x[(cells.x != -2) & in_vocabulary(cells, evidence.source("wide"))]
    held = evidence.source("wide").holds(known, "train")
    ids = cells.x_id
    bands = {"< 2**15": ids < 2**15, "< 2**16": (ids >= 2**15) & (ids < 2**16), ">= 2**16": ids >= 2**16}
    if not held.all():
        return bad(
            f"{int((~held).sum())} of {len(held)} ids read from a 32-bit corpus stand nowhere in it",
            "ids above 65535 came back as small ones: they were stored or read in 16 bits"
            if not bands[">= 2**16"].any()
            else "32-bit ids were read at another width or sign",
            "D1",
        )
    return ok("ids of every width come back", **{name: int(band.sum()) for name, band in bands.items()})


@check(
    "dtype.index_width", "shapes",
    "Windows of a token file past 2**31 tokens and 2**32 bytes are read from where they should be.", "far",
)  # fmt: skip
def dtype_index_width(evidence: Evidence) -> Opinion:
    trace = evidence.traces.get("far")
    if trace is None:
        return skip("only a token file that is drawn from, or shared among ranks, can be read that far in")
    if "MemoryError" in trace.end.error or "can't allocate" in trace.end.error:
        return skip("holds its source in memory, and 8 GiB do not fit into what it is allowed here")
    if not trace.good:
        return bad(
            f"on a sparse file of {trace.scenario.corpus.sparse} tokens the loader {trace.fate()}",
            "the file is read whole, or an offset does not fit its integer type",
            "D5",
        )
    names, limit, hits = evidence.source("far").names, 1 << 31, []
    for batch in trace.good:
        assert batch.x is not None
        for row in batch.x.array():
            known = np.flatnonzero(row)
            if len(known) > 3 and known[2] == known[0] + 2:
                found = names.locate(row[None, known[0] : known[0] + 3].astype(np.int64))
                hits.append(int(found[0, 0]) - int(known[0]))
    far = sum(hit >= limit for hit in hits)
    rank = int(trace.scenario.config.get("rank", 0))
    rows = sum(batch.x.shape[0] for batch in trace.good if batch.x)
    if rank and (not hits or hits[0] != rank * int(trace.scenario.config["seq_len"])):
        where = hits[0] if hits else "a hole"
        return bad(
            f"rank {rank} should begin at token {rank * int(trace.scenario.config['seq_len'])}, "
            f"it began at {where}",
            "an offset wrapped: 32-bit token or byte offsets",
            "D5",
        )
    if not rank and (not hits or not far):
        return bad(
            f"{rows} random windows of an 8 GiB file touched {len(hits)} marked places, "
            f"{far} of them past 2**31 tokens",
            "an offset wraps, or the range of starts does: the far half of the file is never read",
            "D5",
            false_alarm_rate="below 1e-6",
        )
    return ok(f"{rows} windows, {len(hits)} located, {far} past 2**31 tokens", rows=rows, located=len(hits))


@check("layout.contiguous", "shapes", "x and y are contiguous in memory.")
def layout_contiguous(evidence: Evidence) -> Opinion:
    for _, batch in _batches(evidence, ("pass",)):
        for part_name, part in _parts(batch):
            if not part.contiguous:
                if not evidence.stated or evidence.traits.batch == "view":
                    return skip(f"{part_name} is not contiguous; {part_name}.view(-1) raises", observed=False)
                return bad(
                    f"{part_name} of batch {batch.index} is not contiguous",
                    "x and y are slices of one (B, T+1) buffer: y.view(-1) raises in the training loop",
                    "D9",
                )
    return ok("every batch is contiguous")


@check("batch.nonempty", "shapes", "No batch has zero rows.", *SHAPED)
def batch_nonempty(evidence: Evidence) -> Opinion:
    found = _batches(evidence)
    for name, batch in found:
        if any(not np.prod(part.shape) for _, part in _parts(batch)):
            return bad(
                f"batch {batch.index} is empty: {[tuple(p.shape) for _, p in _parts(batch)]}",
                "the last round was topped up with nothing, or an empty slice was yielded",
                "G9",
                scenario=name,
            )
    return ok(f"all {len(found)} batches hold tokens")
