"""Losses at every shard, statistics that are wrong, and a first batch that costs the whole source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

from .entry import PLANTED, exhibit
from .row_bases import BUFFERED, DOCUMENTS, Buffered, Documents
from .token_bases import SEQUENTIAL, WINDOWS, Sequential, Windows


@exhibit("B1", "coverage.declared_loss", stated=DOCUMENTS)
class TailOfEveryShard(Documents):
    """build-nanogpt#105: what is left at the end of a shard is dropped, and there are many shards."""

    def __iter__(self) -> Iterator[Any]:
        for path in self.files():
            rows: list[Any] = pq.read_table(path)["tokens"].to_pylist()
            yield from self.batches([self.bos, *ids] for ids in self.order(rows))
        self.epoch += 1


@exhibit("B10", "stats.honest", stated=SEQUENTIAL)
class CountedWhenMade(Sequential):
    """axolotl#3848 in spirit: batches are counted where they are planned, the dropped ones too."""

    planned = 0

    def __iter__(self) -> Iterator[Any]:
        for batch in super().__iter__():
            self.planned += 1
            yield batch
        self.planned += 1

    def stats(self) -> dict[str, int]:
        """Batches, as planned."""
        return {"batches": self.planned}


@exhibit("B10", "stats.honest", stated=WINDOWS)
class TokensOfOneRow(Windows):
    """Tokens are counted by rows of T+1, so progress runs ahead of what was given."""

    given = 0

    def batch(self, starts: Any) -> Any:  # noqa: D102
        self.given += self.B * (self.T + 1)
        return super().batch(starts)

    def stats(self) -> dict[str, Any]:
        """Tokens given, and how full the rows are."""
        return {"tokens": self.given, "efficiency": 1.0}


@exhibit("C7", "first_batch.pulls", stated=BUFFERED | {"shuffle_span": 1000}, options={"buffer_size": 1000})
class TableReadFirst(Buffered):
    """unsloth-zoo#927: a bounded buffer is filled from a list of the whole table."""


@exhibit(
    PLANTED, "first_batch.pulls", stated=BUFFERED | {"shuffle_span": 1000}, options={"buffer_size": 1000}
)
class BufferNeverFull(Buffered):
    """datasets#8441: a test for a full buffer that is never true, so all is read before anything leaves."""

    def through(self, rows: Any, size: int, rng: Any) -> Iterator[Any]:  # noqa: ARG002, D102
        buffer = list(rows)
        yield from (buffer[i] for i in rng.permutation(len(buffer)))
