"""Prompt/response pairs: tokenised, ended, truncated by tokens, and padded to the longest.

A truncated response still ends with EOS, so the model never learns that a response has no end;
what truncation took is counted.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .joined_tokens import special_id
from .passes import Pass, PassLoader
from .row_groups import RowGroups, one_array
from .row_views import RowViews
from .saved_state import State, binding
from .shuffle_buffer import START, ShuffleBuffer, Turn, order_facts, pass_order
from .windows import to_device

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .contract import LoaderConfig
    from .corpus import Corpus

Pair = tuple[str, str]
PairBatch = dict[str, torch.Tensor]


class PairSource:
    """The prompt and response of each row, row group by row group.

    Raises:
        DataError: no such files, or no columns ``prompt`` and ``response``.
    """

    COLUMNS = ("prompt", "response")

    def __init__(self, corpus: Corpus, split: str, keep: bool = False) -> None:
        self._groups = RowGroups(corpus.pair_files(split))
        self._groups.require(self.COLUMNS)
        self._keep = keep
        self._kept: dict[int, RowViews] = {}

    @property
    def counts(self) -> list[int]:
        """Pairs in each row group."""
        return self._groups.counts

    def rows(self, group: int) -> RowViews:
        """The pairs of one row group, a struct of two texts each."""
        import pyarrow as pa

        if group in self._kept:
            return self._kept[group]
        table, where = self._groups.read(group, self.COLUMNS), self._groups.where(group)
        columns = [one_array(table, name, where) for name in self.COLUMNS]
        rows = RowViews.of(pa.StructArray.from_arrays(columns, list(self.COLUMNS)), where)
        if self._keep:
            self._kept[group] = rows
        return rows

    def release(self) -> None:
        """Close the file that is open."""
        self._groups.release()

    @property
    def nbytes(self) -> int:
        """Bytes of the views of the pairs kept; the texts are Arrow's memory, which is counted by itself."""
        return sum(rows.words.nbytes for rows in self._kept.values())


class PairBatcher:
    """Turns pairs into batches of ids and masks, and counts what it truncates.

    Attributes:
        truncated: tokens of prompts and responses left out so far.
    """

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        self._encode = corpus.tokenizer.encode_ordinary
        self._eos = special_id(corpus, "<|eos|>")
        self._pad = special_id(corpus, "<|pad|>")
        self._limit = config.seq_len
        self._device = config.device
        self.truncated = 0

    def __call__(self, pairs: Sequence[Pair]) -> PairBatch:
        """One batch of B pairs, all int64, each side as wide as its longest row.

        Returns:
            ``input_ids`` and ``input_mask`` (B, Tin), ``target_ids`` and ``target_mask``
            (B, Tout); the masks are 1 on tokens and 0 on padding, which is on the right.
        """
        prompts = [self._cut(self._encode(prompt), self._limit) for prompt, _ in pairs]
        responses = [
            [*self._cut(self._encode(response), self._limit - 1), self._eos] for _, response in pairs
        ]
        input_ids, input_mask = self._pad_right(prompts)
        target_ids, target_mask = self._pad_right(responses)
        return {
            "input_ids": input_ids,
            "input_mask": input_mask,
            "target_ids": target_ids,
            "target_mask": target_mask,
        }

    def _cut(self, ids: list[int], limit: int) -> list[int]:
        self.truncated += max(0, len(ids) - limit)
        return ids[:limit]

    def _pad_right(self, rows: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and mask, int64 (B, longest); at least one wide, since models refuse no columns."""
        lengths = np.array([len(row) for row in rows])
        mask = np.arange(max(1, lengths.max())) < lengths[:, None]
        ids = np.full(mask.shape, self._pad, np.int64)
        ids[mask] = list(itertools.chain.from_iterable(rows))
        pair = torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))
        return to_device(pair[0], self._device), to_device(pair[1], self._device)


class PairPass(Pass):
    """One pass over the pairs of a rank."""

    def __init__(self, loader: PairLoader, state: State) -> None:
        self.epoch = int(state["epoch"])
        config = loader.config
        order = pass_order(loader.source.counts, config, self.epoch)
        seed = (config.seed, self.epoch, config.rank)
        self._buffer = ShuffleBuffer(loader.source, order, loader.buffer_size, seed, state)
        self._loader = loader
        self._place = {name: state[name] for name in START}

    def _pairs(self, first: int) -> Iterator[tuple[Turn, int, Pair]]:
        """The pairs that leave the buffer, each with its turn and how many of it were taken then."""
        for turn in self._buffer:
            rows: Any = turn.rows[first:]
            texts = (column.to_pylist() for column in rows.flatten())
            for taken, pair in enumerate(zip(*texts, strict=True), first + 1):
                yield turn, taken, pair
            first = 0

    def __iter__(self) -> Iterator[PairBatch]:
        config, rows = self._loader.config, self._pairs(int(self._place["taken"]))
        while batch := list(itertools.islice(rows, config.batch_size)):
            if len(batch) < config.batch_size and config.drop_last:
                return
            turn, taken, _ = batch[-1]
            self._place = turn.state(taken)
            yield self._loader.give([pair for _, _, pair in batch])

    def state(self) -> State:
        """The place after the last batch given, plain data."""
        return {"epoch": self.epoch, **self._place}

    @property
    def nbytes(self) -> int:
        """Bytes held beside Arrow's own, which hold the pairs and are counted by themselves."""
        return self._buffer.nbytes


class PairLoader(PassLoader):
    """Batches of pairs; see :class:`PairBatcher` for what is in one.

    Raises:
        DataError: files that cannot be read, or fewer row groups than ranks.
    """

    def __init__(self, corpus: Corpus, config: LoaderConfig, buffer_size: int, keep: bool) -> None:
        self.config = config
        self.buffer_size = buffer_size if config.shuffle else 0
        self.source = PairSource(corpus, config.split, keep)
        pass_order(self.source.counts, config, config.epoch)  # refuses too many ranks at once
        self._batcher = PairBatcher(corpus, config)
        self._given = {"batches": 0, "rows": 0}
        facts = order_facts(config, buffer_size, PairSource.COLUMNS, self.source.counts)
        super().__init__(binding("parquet_stream", corpus, config, **facts), config.epoch)

    def fresh(self, epoch: int) -> State:
        """The place before the first batch of an epoch."""
        return {"epoch": epoch, **START}

    def begin(self, state: State) -> PairPass:
        """The pass that goes on from a place."""
        return PairPass(self, state)

    def give(self, pairs: Sequence[Pair]) -> PairBatch:
        """One batch, counted."""
        self._given["batches"] += 1
        self._given["rows"] += len(pairs)
        return self._batcher(pairs)

    def __len__(self) -> int:
        """Batches this rank gets in the epoch in progress, or the one that ``iter()`` begins."""
        rows, size = pass_order(self.source.counts, self.config, self.epoch).total, self.config.batch_size
        return rows // size if self.config.drop_last else -(-rows // size)

    def stats(self) -> dict[str, Any]:
        """Batches and rows given, and tokens truncated, since the loader was made."""
        return {"epoch": self.epoch, **self._given, "truncated_tokens": self._batcher.truncated}

    @property
    def nbytes(self) -> int:
        """Bytes held on purpose beside those of Arrow's pool, which holds the texts."""
        return super().nbytes + self.source.nbytes
