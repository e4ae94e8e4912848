"""Further scenarios: other contents, other consumers, other ends than those of the main plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from . import extremes, living, residue
from .corpora import corpus_of
from .scenario import Scenario

if TYPE_CHECKING:
    from .scenarios import Planner

FAST, SLOW = 40, 25  # short passes of a consumer that takes no time, and of one that does
PAUSE_S = 0.002
SHORT_PASS = 4  # batches
LATER = 7  # an epoch that does not come by itself after the first
RANDOM = ("windows", "shuffled", "reordered")
BIGRAM_ROWS, BIGRAM_WIDTH = 8, 32
BIGRAM_DOCUMENTS = (400,) * 30
SPELLED_ROWS = 90
PULLED_ROWS, PULLED_BUFFER = 800, 10
OVERLONG = 128  # T of the second scenario with items longer than a row
OVERLONG_ITEMS = (100, 1100, 90, 3000, 110, 80, 5000, 100)
PACKING = ("packing", "pack", "packed")  # names of an option that turns packing on


def always(planner: Planner) -> Iterator[Scenario]:
    """What every loader is asked, annotated or not."""
    main = planner.main()
    close = planner.ask("close", main, batches=8)
    yield msgspec.structs.replace(close, close=True)
    yield msgspec.structs.replace(planner.ask("probe/consume", main), probe="consume")


def promised(planner: Planner) -> Iterator[Scenario]:
    """What is asked once it is known what the loader reads."""
    yield from contents(planner)
    yield from epochs(planner)
    yield from consumers(planner)
    if planner.traits.reads in ("documents", "conversations"):
        yield from overlong(planner)
    yield from extremes.promised(planner)
    yield from resources(planner)
    yield from ends(planner)


def contents(planner: Planner) -> Iterator[Scenario]:
    """Other contents: a known chain, spelled control tokens, a pad that is the end token, packing."""
    traits, shape = planner.traits, planner.shape
    chain = corpus_of(kind="markov", documents=BIGRAM_DOCUMENTS)
    if traits.targets != "paired":
        yield planner.ask("bigram", chain, batches=90, hold=1, batch_size=BIGRAM_ROWS, seq_len=BIGRAM_WIDTH)
    if traits.reads == "tokens":
        apart = corpus_of(kind="keyed", documents=(23,) * 80, separators=True)
        yield planner.ask("wide-separators", apart, batches=40)
    else:
        spelled = corpus_of(kind="spelled", documents=(1,) * SPELLED_ROWS)
        yield planner.ask("spelled", spelled, batches=160, batch_size=2, seq_len=64)
    if traits.mask in ("assistant", "padding"):
        end = "<|assistant_end|>" if traits.mask == "assistant" else "<|eos|>"
        padded = corpus_of(documents=(11, 26, 40) * 2 * shape.batch_size, pad=end)
        yield planner.ask("pad-is-end", padded, batches=planner.batches(padded, 1))
    option = next((name for name in PACKING if name in planner.known), "")
    if option:
        few = corpus_of(documents=tuple(5 + i * 7 % shape.seq_len for i in range(16 * shape.batch_size)))
        for name, value in (("packed", True), ("unpacked", False)):
            batches = 4 * planner.batches(few, 1)
            yield planner.ask(name, few, batches=batches, options={option: value})
    if "max_tokens" in planner.known:
        cut = corpus_of(documents=(3, 30, 50) * 8)
        yield planner.ask("truncated", cut, batches=60, options={"max_tokens": 20})


def epochs(planner: Planner) -> Iterator[Scenario]:
    """An epoch set before the first pass, and set between two; validation seen again."""
    traits, shape = planner.traits, planner.shape
    small = corpus_of(documents=(29,) * max(12, 8 * shape.tokens // 29))
    for workers in (0, 2) if traits.workers else (0,):
        if traits.order not in RANDOM:
            break
        few = 8 if traits.passes == "endless" else planner.batches(small, 2)
        before = "workers/" if workers else ""
        asked = planner.ask(f"{before}set-first", small, batches=few, num_workers=workers)
        yield msgspec.structs.replace(asked, epochs=(LATER,))
        yield msgspec.structs.replace(
            asked, name=f"{before}set-then-iter", epochs=(-1, LATER), runs=2, of=f"{before}set-first"
        )
    val = corpus_of(documents=(29,) * 20, val_documents=(29,) * max(12, 6 * shape.tokens // 29))
    batches = 6 * shape.batch_size if traits.targets == "paired" else 12
    again = planner.ask("val-again", val, batches=batches, split="val", shuffle=False)
    yield again
    yield msgspec.structs.replace(again, name="val-twice", runs=2)


def consumers(planner: Planner) -> Iterator[Scenario]:
    """Consumers that are fast, slow, or write into what they were given."""
    traits, shape = planner.traits, planner.shape
    tokens = SHORT_PASS * (14 * shape.batch_size if traits.targets == "paired" else shape.tokens) + 1
    short = corpus_of(documents=(14,) * (tokens // 14) + (tokens % 14 or 14,))
    if traits.passes == "one":
        fast = planner.ask("repeat/fast", short, batches=planner.batches(short, 2), runs=FAST, hold=1)
        yield fast
        yield msgspec.structs.replace(fast, name="repeat/slow", runs=SLOW, pause=PAUSE_S)
        if traits.batch == "fresh":
            yield msgspec.structs.replace(fast, name="mutate", runs=3, mutate=True)
    elif traits.batch == "fresh":
        few = max(12, 600 // shape.tokens)
        yield msgspec.structs.replace(planner.ask("mutate", planner.main(), batches=few), mutate=True)
    if "buffer_size" in planner.known:
        many = corpus_of(documents=(70,) * PULLED_ROWS, row_group=40)
        options = {"buffer_size": PULLED_BUFFER}
        whole = max(400, planner.batches(many, 1, seq_len=64))
        asked = planner.ask("probe/pulls", many, batches=whole, seq_len=64, options=options)
        yield msgspec.structs.replace(asked, probe="pulls")


def overlong(planner: Planner) -> Iterator[Scenario]:
    """Four items in ten are longer than a row: at T as asked, and past the limits usual in code.

    No batch has room for more than half of those that fit a row, so none may hide them by being dropped.
    """
    t, size = planner.shape.seq_len, planner.shape.batch_size
    near = corpus_of(documents=(t // 3 + 1, 3 * t + 2, t, 4 * t + 1, t // 2 + 1) * max(6, 2 * size))
    yield planner.ask("overlong", near, batches=planner.batches(near, 2))
    far = corpus_of(documents=OVERLONG_ITEMS * 2)
    batches = 2 * sum(far.spec["documents"]) // (4 * OVERLONG) + 8
    yield planner.ask("overlong/wide", far, batches=batches, batch_size=4, seq_len=OVERLONG, hold=1)


def resources(planner: Planner) -> Iterator[Scenario]:
    """Using it up in every way, and watching its memory over many batches."""
    traits, shape = planner.traits, planner.shape
    endless, working = traits.passes != "one", bool(traits.workers)
    tokens = SHORT_PASS * (14 * shape.batch_size if traits.targets == "paired" else shape.tokens) + 1
    short = corpus_of(documents=(14,) * (tokens // 14 + 1), row_group=2)
    asked = planner.ask("probe/residue", short, batches=planner.batches(short, 2))
    yield from residue.scenarios(asked, endless=endless, workers=working)
    small = "buffer_size" in planner.known
    options = {"buffer_size": PULLED_BUFFER} if small else {}
    bounded = traits.holds == "buffer" and (small or (traits.shuffle_span or 0) < living.DOCUMENTS)
    kind = living.CORPORA.get(traits.reads or "", "") if bounded else ""
    main = planner.ask("probe/living", planner.main(), options=options)
    yield from living.scenarios(main, bounded=kind, workers=working, endless=endless)


def ends(planner: Planner) -> Iterator[Scenario]:
    """Sources with nothing in them, or nothing for this rank; last, since they may cost a deadline."""
    yield planner.ask("degenerate/none", corpus_of(), batches=4)
    yield planner.ask("degenerate/empty", corpus_of(documents=(0, 0)), batches=4)
    if planner.traits.reads in ("documents", "pairs"):  # what is split by files or row groups
        one = corpus_of(documents=(3,))
        yield planner.ask("degenerate/ranks", one, batches=4, rank=2, world_size=3)
