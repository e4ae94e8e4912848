"""The plan: which scenarios a subject is put through, given what it states.

Every corpus is small and exact on purpose; a scenario costs milliseconds. Sizes follow from B and
T, so the same questions can be asked at any shape.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..loaders.traits import Traits
from . import circumstances, transferring
from .corpora import MEAN_LENGTH, corpus_of, plain_corpus, random_corpus
from .scenario import CorpusRef, Scenario

STARTS = 50  # legal starts in the uniformity scenario
DRAWS = 2560  # about 51 expected draws each
SPARSE_POSITIONS = (1 << 32) - (1 << 22)  # 8 GiB of uint16, past both 2**31 tokens and 2**32 bytes
SPARSE_ROW = 1 << 15  # long rows, so that a random window often touches a written block
SPARSE_MEMORY = 1 << 30  # a loader that would hold the file in memory is stopped here
FLUSH_ROWS = 200  # more than 3 * (buffer + 1), and no multiple of it
FLUSH_BUFFER = 10
FLUSH_WIDTH = 8  # short rows whatever T is asked for, so that a dropped tail hides no more than one
ROW_BATCHES = 12  # batches of whole rows (pairs) that the main corpus gives, at least
KEEP_LAST = ("keep-last/0", "keep-last/1", "keep-last/2")  # what is left, modulo T = 3
DRAWN = 600  # tokens over which two orders are compared: ten documents agree once in 10**6 at most


@dataclasses.dataclass(frozen=True)
class Shape:
    """The shape and seed under which a subject is asked.

    ``stride`` thins out what is asked at many places alike: a resume at every stride-th batch.
    """

    batch_size: int = 4
    seq_len: int = 16
    seed: int = 1337
    stride: int = 1

    @property
    def tokens(self) -> int:
        """B*T."""
        return self.batch_size * self.seq_len

    def corpus(self, batches: int) -> int:
        """Tokens for so many batches, and for several batches of whole rows too (at most 50,000)."""
        rows = min(batches, ROW_BATCHES) * self.batch_size
        return min(max(batches * self.tokens, rows * MEAN_LENGTH) + 37, 50_000)


def plan(
    traits: Traits, options: Mapping[str, Any], known: Mapping[str, Any], shape: Shape
) -> list[Scenario]:
    """Scenarios for a subject with these traits, held options and known option names."""
    planner = Planner(traits, options, known, shape)
    scenarios = [*planner.always()]
    if traits.reads is not None:
        scenarios += planner.promised()
    return [*scenarios, *transferring.always(planner)]


class Planner:
    """Builds the scenarios of one subject."""

    def __init__(
        self, traits: Traits, options: Mapping[str, Any], known: Mapping[str, Any], shape: Shape
    ) -> None:
        self.traits, self.options, self.known, self.shape = traits, dict(options), known, shape

    def always(self) -> Iterator[Scenario]:
        """What every loader is asked, annotated or not."""
        corpus = self.main()
        few = max(12, DRAWN // self.shape.tokens)
        endless = self.traits.passes == "endless"
        yield self.ask("pass", corpus, batches=self.batches(corpus, 3), runs=1 if endless else 2)
        yield self.ask("again", corpus, batches=few)
        yield self.ask("other-seed", corpus, batches=few, seed=self.shape.seed + 1)
        yield self.ask("draws", corpus, batches=few, draws=True)
        if self.traits.ranks != "none":
            yield from self.ranks(2)
        if self.traits.workers is not False:
            yield self.ask("workers", corpus, batches=self.batches(corpus, 3), num_workers=2)
        yield from circumstances.always(self)

    def ranks(self, world: int, name: str = "", corpus: CorpusRef | None = None) -> Iterator[Scenario]:
        """One process a rank, all at the same time, on a corpus of an awkward size."""
        shared = corpus or random_corpus(self.shape.corpus(24), row_group=4)
        group = f"rank/{name or world}"
        for rank in range(world):
            yield self.ask(
                f"{group}/{rank}",
                shared,
                batches=self.batches(shared, 1 if self.traits.passes == "one" else 2),
                rank=rank,
                world_size=world,
                together=group,
            )

    def promised(self) -> Iterator[Scenario]:
        """What is asked once it is known what the loader reads."""
        shape, traits, main = self.shape, self.traits, self.main()
        yield self.ask("epoch", main, batches=self.batches(main, 2), epoch=1)
        val = random_corpus(shape.corpus(10), val_share=0.5)
        yield self.ask("val", val, batches=self.batches(val, 1), split="val")
        yield self.ask("one", plain_corpus(257, 13), batches=600, batch_size=1, seq_len=1)
        for extra in (-1, 0, 1, 2):
            yield self.ask(f"exact{extra:+d}", self.exact(extra), batches=64)
        rest = max(1, shape.batch_size // 2) * shape.seq_len + 3
        yield self.ask("keep-last", plain_corpus(3 * shape.tokens + rest, 50), drop_last=False)
        for residue, name in enumerate(KEEP_LAST):  # rests that end at and about a row edge
            small = plain_corpus(3 * 12 + 5 + residue, 50)
            yield self.ask(name, small, drop_last=False, batch_size=4, seq_len=len(KEEP_LAST))
        if traits.ranks == "disjoint":
            yield from self.ranks(3)
            lengths = tuple(sorted(1 + (i * 37) % 150 for i in range(90)))
            by_length = corpus_of(documents=lengths, row_group=4)
            if traits.reads != "tokens":
                yield from self.ranks(2, "sorted", by_length)
        yield msgspec.structs.replace(self.ask("probe/fork", main), probe="fork")
        if traits.workers:
            yield msgspec.structs.replace(self.ask("probe/pickle", main, num_workers=2), probe="pickle")
            killed = self.ask("probe/kill-worker", main, num_workers=2)
            yield msgspec.structs.replace(killed, probe="kill-worker")
        if traits.reads == "tokens":
            yield from self.token_files()
        else:
            yield from self.rows()
        yield from circumstances.promised(self)

    def token_files(self) -> Iterator[Scenario]:
        """Raw token files: separators, width, far offsets, the first and the last window."""
        shape = self.shape
        corpus = random_corpus(20 * shape.tokens + 11, separators=True)
        yield self.ask("separators", corpus, batches=self.batches(corpus, 2))
        yield self.ask("wide", random_corpus(3000 + 4 * shape.tokens, kind="keyed"), batches=40)
        for extra in (1, 2):
            tiny = corpus_of(documents=(shape.seq_len + extra,))
            yield self.ask(f"tiny+{extra}", tiny, batches=64, batch_size=1)
        far = CorpusRef(sparse=SPARSE_POSITIONS)
        if self.traits.order == "windows":
            length = 16 + STARTS
            uniform = corpus_of(documents=(length,))
            yield self.ask("uniform", uniform, batches=DRAWS // 32, batch_size=32, seq_len=16, hold=1)
            yield self.ask(
                "far", far, batches=30, batch_size=4, seq_len=SPARSE_ROW, hold=1, memory=SPARSE_MEMORY
            )
        elif (self.traits.order, self.traits.ranks, self.traits.overlap) == ("sequential", "disjoint", 1):
            # The first batch of a late rank begins far in; one in four begins on a written place.
            ranks = (SPARSE_POSITIONS - 1) // SPARSE_ROW
            yield self.ask(
                "far", far, batches=1, batch_size=1, seq_len=SPARSE_ROW, hold=1, memory=SPARSE_MEMORY,
                rank=(ranks - 1) // 4 * 4, world_size=ranks,
            )  # fmt: skip

    def rows(self) -> Iterator[Scenario]:
        """Documents, pairs, conversations: awkward lengths, many shards, small buffers."""
        t, size = self.shape.seq_len, self.shape.batch_size
        if self.traits.reads == "documents":
            yield self.ask("wide", random_corpus(3000 + 4 * self.shape.tokens, kind="keyed"), batches=40)
        # So often that no dropped tail can hold most documents of one length, whatever their order.
        short = 1 if self.traits.targets == "paired" else t + 1  # a tail of pairs is counted in rows
        times = max(8, 2 * size * t // max(1, t - 1) + 1)
        lengths = (0, *(1,) * short, t - 1, t, t + 1, t + 2, 2 * t + 1) * times
        awkward = corpus_of(documents=lengths, row_group=8)
        yield self.ask("lengths", awkward, batches=self.batches(awkward, 2))
        shards = random_corpus(max(self.shape.corpus(20), 3000), shards=11, row_group=4)
        yield self.ask("shards", shards, batches=self.batches(shards, 2), shuffle=False)
        if "buffer_size" in self.known:
            rows = corpus_of(documents=(14,) * FLUSH_ROWS, row_group=64)
            options = {"buffer_size": FLUSH_BUFFER}
            batches = 3 * FLUSH_ROWS  # one pass and a half in rows of FLUSH_WIDTH, three of pairs
            yield self.ask("flush", rows, batches=batches, batch_size=1, seq_len=FLUSH_WIDTH, options=options)

    def main(self) -> CorpusRef:
        """The corpus of the main pass."""
        return random_corpus(max(self.shape.corpus(60), self.shape.tokens * 3 + 37), val_share=0.1)

    def exact(self, extra: int) -> CorpusRef:
        """Three whole batches and so many tokens (or whole rows, for pairs) more."""
        if self.traits.reads == "pairs":
            return plain_corpus((3 * self.shape.batch_size + extra) * 14, 14)
        return plain_corpus(3 * self.shape.tokens + extra, max(7, self.shape.seq_len))

    def batches(self, corpus: CorpusRef, passes: int, seq_len: int | None = None) -> int:
        """Enough batches for so many passes: of tokens, role tokens and separators included, or of rows.

        Rows are as wide as ``seq_len``, where that is not the T of the shape.
        """
        rows: int = len(corpus.spec["documents"])
        tokens = self.shape.batch_size * (seq_len or self.shape.seq_len)
        flowing: int = (sum(corpus.spec["documents"]) + 8 * rows) // tokens
        return passes * (max(flowing, rows // self.shape.batch_size) + 1) + 4

    def ask(
        self,
        name: str,
        corpus: CorpusRef,
        *,
        batches: int = 64,
        runs: int = 1,
        hold: int = 6,
        draws: bool = False,
        memory: int = 0,
        together: str = "",
        options: Mapping[str, Any] | None = None,
        **config: Any,
    ) -> Scenario:
        """One scenario under this subject's options, at this shape unless said otherwise."""
        base = {
            "batch_size": self.shape.batch_size,
            "seq_len": self.shape.seq_len,
            "seed": self.shape.seed,
            "options": {**self.options, **(options or {})},
        }
        return Scenario(
            name=name,
            corpus=corpus,
            config={**base, **config},
            batches=batches,
            runs=runs,
            hold=hold,
            draws=draws,
            memory=memory,
            together=together,
        )
