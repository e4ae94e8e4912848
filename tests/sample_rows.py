"""Corpora of rows, and what the tests of the parquet loader share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from loadstone.loaders.contract import LoaderConfig
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus
from loadstone.loaders.parquet_stream import parquet_stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import numpy.typing as npt
    import torch
    from loadstone.loaders.corpus import Corpus

    Batch = tuple[torch.Tensor, torch.Tensor]

SMALL = {"batch_size": 2, "seq_len": 8}


def awkward(folder: Path) -> Corpus:
    """Some 1,500 tokens in documents of 0 to 17, in 11 shards of several row groups."""
    lengths = (0, 1, 7, 8, 9, 10, 17) * 28
    return write_corpus(folder, CorpusSpec(documents=lengths, val_documents=(20, 30), shards=11, row_group=4))


def thousand_rows(folder: Path) -> Corpus:
    """1,000 rows of 14 tokens, 64 to a row group."""
    return write_corpus(folder, CorpusSpec(documents=(14,) * 1000))


def make(corpus: Corpus, options: Mapping[str, Any] | None = None, **changes: Any) -> Any:
    """The parquet loader, B=2 and T=8 unless said otherwise."""
    return parquet_stream(corpus, LoaderConfig(**{**SMALL, "options": options or {}, **changes}))


def flat(batches: Iterable[Batch]) -> npt.NDArray[np.int64]:
    """The stream of a pass: all inputs, then the last target."""
    pairs = list(batches)
    tail = pairs[-1][1].reshape(-1)[-1:]
    return np.concatenate([x.reshape(-1).numpy() for x, _ in pairs] + [tail.numpy()])


def rows(loader: Iterable[Batch]) -> list[list[Any]]:
    """Batches as plain lists, so that they compare."""
    return [[value.tolist() for value in batch] for batch in loader]


def documents(corpus: Corpus, stream: npt.NDArray[np.int64]) -> list[tuple[int, ...]]:
    """The documents of a stream, each a tuple of positions, in the order they came; the last is cut."""
    cuts = np.flatnonzero(stream == corpus.special["<|bos|>"])
    return [tuple(corpus.locate(part[1:]).tolist()) for part in np.split(stream, cuts)[1:]]


def whole(corpus: Corpus) -> list[tuple[int, ...]]:
    """The documents as they lie in the corpus, each a tuple of positions."""
    return [tuple(range(start, end)) for start, end in corpus.segments()]
