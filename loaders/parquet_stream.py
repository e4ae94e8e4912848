"""Parquet, streamed: row groups in a new order each epoch, rows through a bounded shuffle buffer.

The tutorial's idea without its losses: memory follows the buffer and a row group or two, not the file;
each row is seen once a pass; the place in a pass can be saved and taken up exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .contract import LoaderConfig, Option, loader, spec_of
from .documents import COLUMNS, DocumentSource, Ids, Piece
from .joined_tokens import JoinedTokens
from .memory import BatchMemory
from .pairs import PairLoader
from .passes import Pass, PassLoader
from .saved_state import State, binding
from .shuffle_buffer import START, ShuffleBuffer, order_facts, pass_order
from .windows import shifted_views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .corpus import Corpus

BUFFER_SIZE = 1000
Batch = tuple[torch.Tensor, torch.Tensor]


class DocumentPass(Pass):
    """One pass over the documents of a rank."""

    def __init__(self, loader: DocumentLoader, state: State) -> None:
        self.epoch = int(state["epoch"])
        config = loader.config
        source, self._loader = loader.source, loader
        order = pass_order(source.counts, config, self.epoch)
        seed = (config.seed, self.epoch, config.rank)
        self._buffer = ShuffleBuffer(source, order, loader.buffer_size, seed, state, source.lead)
        self._behind = self._counted = 0  # documents of pieces used up, and those stats() knows of
        self._stream = JoinedTokens(self._pieces(state), int(state["offset"]))

    def _pieces(self, state: State) -> Iterator[tuple[Piece, Ids]]:
        """What leaves the buffer as tokens, from the document on that the state stands in."""
        first, offset = int(state["taken"]), int(state["offset"])
        fresh = not (state["turn"] or first or offset)
        for turn in self._buffer:
            for piece in self._loader.source.pieces(turn, first):
                if not fresh:  # documents begun before the state was saved are not begun again
                    self._behind -= int(piece.starts.searchsorted(offset, "right"))
                    fresh = True
                yield piece, piece.ids
                self._behind += len(piece.starts)
            first = 0

    def _begun(self) -> int:
        """Documents begun since the pass, or what is left of it, was taken up."""
        piece = self._stream.tag
        inside = piece.starts.searchsorted(self._stream.offset, "right") if piece else 0
        return self._behind + int(inside)

    def __iter__(self) -> Iterator[Batch]:
        config = self._loader.config
        rows, seq_len, device = config.batch_size, config.seq_len, config.device
        whole = rows * seq_len + 1
        filled = whole
        while filled == whole:
            flat, cells = self._loader.memory.empty(whole)
            filled = self._stream.fill((cells,))
            begun = self._begun()
            self._loader.given["documents"] += begun - self._counted
            self._counted = begun
            if filled < whole:  # the end of the pass: full rows of what is left, if wanted
                rows = 0 if config.drop_last else max(0, filled - 1) // seq_len
                flat = flat[: rows * seq_len + 1].clone()
            if rows:
                self._loader.given["batches"] += 1
                self._loader.given["tokens"] += rows * seq_len
                yield shifted_views(flat, seq_len, device)

    def state(self) -> State:
        """The place after the last batch given, plain data."""
        piece = self._stream.tag
        assert piece is not None, "asked for only after a batch, and then there is a piece"
        place = piece.turn.state(piece.first)
        return {"epoch": self.epoch, **place, "offset": self._stream.offset}

    @property
    def nbytes(self) -> int:
        """Bytes held beside Arrow's own, which hold the documents and are counted by themselves."""
        piece = self._stream.tag
        return self._buffer.nbytes + (piece.nbytes if piece else 0)


class DocumentLoader(PassLoader):
    """Batches x and y, int64 (B, T), of documents joined in flow, a BOS before each.

    It has no length: how many batches a pass gives is known only once all documents were read.

    Raises:
        DataError: files or columns that cannot be read, or fewer row groups than ranks.
    """

    def __init__(
        self, corpus: Corpus, config: LoaderConfig, column: str, buffer_size: int, keep: bool
    ) -> None:
        self.config = config
        self.memory = BatchMemory(config.device)
        self.buffer_size = buffer_size if config.shuffle else 0
        self.source = DocumentSource(corpus, config.split, column, keep)
        pass_order(self.source.counts, config, config.epoch)  # refuses too many ranks at once
        self.given = {"batches": 0, "tokens": 0, "documents": 0}
        facts = order_facts(config, buffer_size, [self.source.column], self.source.counts)
        super().__init__(binding("parquet_stream", corpus, config, **facts), config.epoch)

    def fresh(self, epoch: int) -> State:
        """The place before the first batch of an epoch."""
        return {"epoch": epoch, **START, "offset": 0}

    def begin(self, state: State) -> DocumentPass:
        """The pass that goes on from a place."""
        return DocumentPass(self, state)

    def stats(self) -> dict[str, int]:
        """Batches, input tokens and documents begun, since the loader was made."""
        return {"epoch": self.epoch, **self.given}


def held_bytes(loader: Any) -> int:
    """Bytes the loader holds on purpose beside those of Arrow's pool, which holds the rows."""
    return int(loader.nbytes)


@loader(
    reads="documents",
    order="reordered",
    passes="one",
    targets="shifted",
    overlap=1,
    row_overlap=1,
    joins="flow",
    separator="bos",
    loss="tail",
    mask="none",
    shape="fixed",
    short_last=True,  # with drop_last=False
    x_dtype="int64",
    y_dtype="int64",
    batch="fresh",
    rng="own",
    shuffle_span=BUFFER_SIZE,
    resume="exact",
    ranks="disjoint",
    rank_batches="may-differ",
    repeats=False,
    workers=False,
    copies="queued",
    holds="buffer",
    buffered=held_bytes,
    options={
        "reads": Option("documents", "what is read from the corpus", ("documents", "pairs")),
        "column": Option("auto", "the column of documents: auto takes tokens, else text", COLUMNS),
        "buffer_size": Option(BUFFER_SIZE, "rows the shuffle buffer holds"),
        "keep_in_memory": Option(False, "hold every row group once it was read"),
    },
    modes={
        "keep_in_memory=true": {"holds": "corpus"},
        "reads=pairs": {
            "reads": "pairs",
            "targets": "paired",
            "overlap": None,
            "row_overlap": None,
            "joins": "isolated",
            "separator": None,
            "loss": "truncation",
            "mask": "padding",
            "padding_side": "right",
            "shape": "ragged",
        },
    },
)
def parquet_stream(corpus: Corpus, config: LoaderConfig) -> PassLoader:
    """Documents as (x, y), or prompt/response pairs as a mapping, from parquet.

    Raises:
        UsageError: an option or a value that does not exist.
        DataError: files or columns that cannot be read, or fewer row groups than ranks.
    """
    chosen = spec_of(parquet_stream).check_options(config.options, "parquet_stream")
    buffer_size, keep = chosen.get("buffer_size", BUFFER_SIZE), chosen.get("keep_in_memory", False)
    if chosen.get("reads") == "pairs":
        return PairLoader(corpus, config, buffer_size, keep)
    return DocumentLoader(corpus, config, chosen.get("column", "auto"), buffer_size, keep)
