"""Correct loaders of documents, pairs and conversations, small enough to show a defect beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus, Message
from ...loaders.textbook.conversation_deque import render
from .token_bases import SEQUENTIAL, Ints, Pair

DOCUMENTS: dict[str, Any] = SEQUENTIAL | {"reads": "documents", "order": "shuffled", "ranks": "none"}
BUFFERED: dict[str, Any] = DOCUMENTS | {"order": "reordered"}
PAIRS: dict[str, Any] = DOCUMENTS | {
    "reads": "pairs", "targets": "paired", "joins": "isolated", "overlap": None, "row_overlap": None,
    "loss": "truncation", "mask": "padding", "padding_side": "right", "shape": "ragged",
}  # fmt: skip
CHATS: dict[str, Any] = SEQUENTIAL | {
    "reads": "conversations", "passes": "endless", "loss": "none", "mask": "assistant",
    "ignore_index": -100, "short_last": False, "ranks": "none",
}  # fmt: skip


def numeric(path: Path) -> int:
    """The number at the end of a shard's name."""
    return int(path.stem.rpartition("-")[2])


class Documents:
    """Documents in a new order each epoch, a BOS before each, cut into batches that overlap by one."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        self.corpus, self.config = corpus, config
        self.B, self.T, self.epoch = config.batch_size, config.seq_len, config.epoch
        self.bos = corpus.special["<|bos|>"]

    def files(self) -> list[Path]:
        """The shards, in their order."""
        return sorted(self.corpus.document_files(self.config.split), key=numeric)

    def documents(self) -> list[list[int]]:
        """Every document's own tokens, in the order of the files."""
        rows: list[Any] = [ids for path in self.files() for ids in pq.read_table(path)["tokens"].to_pylist()]
        return rows

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:
        """The documents in the order of this epoch."""
        if not self.config.shuffle:
            return documents
        rng = np.random.default_rng([self.config.seed, self.epoch])
        return [documents[i] for i in rng.permutation(len(documents))]

    def pieces(self) -> Iterator[list[int]]:
        """What is laid end to end: each document with its BOS."""
        for ids in self.order(self.documents()):
            yield [self.bos, *ids]

    def batches(self, pieces: Iterable[list[int]]) -> Iterator[Pair]:
        """The stream cut into (x, y); with drop_last off the rest as a batch of fewer rows."""
        held: list[int] = []
        needed = self.B * self.T + 1
        for piece in pieces:
            held += piece
            while len(held) >= needed:
                yield self.pair(held[:needed])
                held = held[needed - 1 :]
        rows = 0 if self.config.drop_last else max(0, len(held) - 1) // self.T
        if rows:
            yield self.pair(held[: rows * self.T + 1])

    def pair(self, ids: list[int]) -> Pair:
        """A batch, int64 (rows, T) each, of rows*T+1 tokens."""
        x, y = torch.tensor(ids[:-1]), torch.tensor(ids[1:])
        return x.view(-1, self.T), y.view(-1, self.T)

    def __iter__(self) -> Iterator[Pair]:
        yield from self.batches(self.pieces())
        self.epoch += 1


class Buffered(Documents):
    """The same through a bounded shuffle buffer."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:
        """Rows as they leave a buffer of ``buffer_size``."""
        if not self.config.shuffle:
            return documents
        rng = np.random.default_rng([self.config.seed, self.epoch])
        return self.through(documents, self.config.option("buffer_size", 1000), rng)

    def through(self, rows: Iterable[Any], size: int, rng: np.random.Generator) -> Iterator[Any]:
        """Append first, hand out a random one when full, hand out the rest at the end."""
        buffer: list[Any] = []
        for row in rows:
            buffer.append(row)
            if len(buffer) > size:
                yield buffer.pop(int(rng.integers(len(buffer))))
        yield from (buffer[i] for i in rng.permutation(len(buffer)))


class Pairs:
    """Prompts with their responses, padded on the right to the longest of the batch."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        self.corpus, self.config, self.epoch = corpus, config, config.epoch
        self.encode = corpus.tokenizer.encode_ordinary
        self.pad, self.eos = corpus.special["<|pad|>"], corpus.special["<|eos|>"]

    def rows(self) -> list[tuple[str, str]]:
        """The rows in the order of this epoch."""
        rows = list(self.corpus.iter_pairs(self.config.split))
        rng = np.random.default_rng([self.config.seed, self.epoch])
        return [rows[i] for i in rng.permutation(len(rows))] if self.config.shuffle else rows

    def prompt(self, text: str) -> list[int]:
        """Ids of a prompt, at most T."""
        return self.encode(text)[: self.config.seq_len]

    def response(self, text: str) -> list[int]:
        """Ids of a response with its end, at most T."""
        return [*self.encode(text)[: self.config.seq_len - 1], self.eos]

    def padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and mask, int64 (B, longest)."""
        width = max(1, *map(len, rows))
        ids = torch.tensor([row + [self.pad] * (width - len(row)) for row in rows])
        lengths = torch.tensor([len(row) for row in rows])
        return ids, (torch.arange(width) < lengths[:, None]).long()

    def collate(self, rows: list[tuple[str, str]]) -> dict[str, torch.Tensor]:
        """One batch."""
        x, x_mask = self.padded([self.prompt(prompt) for prompt, _ in rows])
        y, y_mask = self.padded([self.response(response) for _, response in rows])
        return {"input_ids": x, "input_mask": x_mask, "target_ids": y, "target_mask": y_mask}

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        rows, size = self.rows(), self.config.batch_size
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            if len(part) == size or not self.config.drop_last:
                yield self.collate(part)
        self.epoch += 1


class Chats:
    """Conversations without end, targets outside the assistant's words ignored."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        self.corpus, self.config = corpus, config
        self.B, self.T = config.batch_size, config.seq_len

    def render(self, messages: list[Message]) -> tuple[list[int], list[int]]:
        """Ids of a conversation, and 1 where the assistant speaks."""
        return render(messages, self.corpus.tokenizer, self.corpus.special)

    def targets(self, ids: Ints, mask: Ints) -> Ints:
        """y, flat, of B*T+1 tokens and their mask."""
        return np.where(mask[1:] == 1, ids[1:], -100)

    def __iter__(self) -> Iterator[Any]:
        held: list[int] = []
        flags: list[int] = []
        size = self.B * self.T
        while True:
            for messages in self.corpus.iter_conversations(self.config.split):
                ids, mask = self.render(messages)
                held, flags = held + ids, flags + mask
                while len(held) > size:
                    yield self.give(np.array(held[: size + 1]), np.array(flags[: size + 1]))
                    held, flags = held[size:], flags[size:]

    def give(self, ids: Ints, mask: Ints) -> Any:
        """One batch (x, y)."""
        y = self.targets(ids, mask)
        return torch.tensor(ids[:-1]).view(self.B, self.T), torch.tensor(y).view(self.B, self.T)
