"""What no loader can do without: copying, and for some kinds of data decoding or tokenising.

A limit is measured as if it were a loader, in the same rounds. None of them yields batches, only
how many tokens were dealt with at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ...loaders.corpus import Corpus, Manifest

COPY, DECODE, TOKENISE = "copy", "decode", "tokenise"
CHUNK_TOKENS = 8192  # tokenised between two readings of the clock, about


def limit(kind: str, config: dict[str, Any], folder: str, manifest: dict[str, Any]) -> Iterator[int]:
    """Tokens dealt with, without end."""
    if kind == COPY:
        return copying(config["batch_size"], config["seq_len"])
    corpus = Corpus(Path(folder), msgspec.convert(manifest, Manifest))
    return decoding(corpus) if kind == DECODE else tokenising(corpus)


def copying(batch_size: int, seq_len: int) -> Iterator[int]:
    """Contiguous uint16 tokens widened into preallocated int64 x and y.

    Two bytes read and sixteen written a token; a loader that hands out x and y as separate
    int64 tensors cannot do with less.
    """
    size = batch_size * seq_len
    source = np.random.default_rng(0).integers(0, 65521, 16 * size + 1, dtype=np.uint16)
    x, y = np.empty(size, np.int64), np.empty(size, np.int64)
    start = 0
    while True:
        if start + size + 1 > len(source):
            start = 0
        np.copyto(x, source[start : start + size])
        np.copyto(y, source[start + 1 : start + size + 1])
        start += size
        yield size


def decoding(corpus: Corpus) -> Iterator[int]:
    """The list column of the parquet files decoded, row group by row group, its values left alone."""
    import pyarrow.parquet as pq

    while True:
        for path in corpus.document_files("train"):
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    column = file.read_row_group(group, columns=["tokens"]).column("tokens")
                    chunks: list[Any] = column.chunks
                    yield sum(len(chunk.values) for chunk in chunks)


def tokenising(corpus: Corpus) -> Iterator[int]:
    """The content of conversations, held in memory, encoded message by message and thrown away."""
    texts = [message["content"] for one in corpus.iter_conversations("train") for message in one]
    encode = corpus.tokenizer.encode_ordinary
    done = 0
    while True:
        for text in texts:
            done += len(encode(text))
            if done >= CHUNK_TOKENS:
                yield done
                done = 0
