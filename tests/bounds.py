"""What bounds a batch: loops that leave out most of a loader's work, beside the loaders, in the same rounds.

    python tests/bounds.py [--effort thorough]      # prints a table; wants a quiet machine

A loader cannot be faster than the part of its work that such a loop is left with. Their batches are
not batches, so these are no loaders: the checks would void each.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch

SHAPES = ((12, 1024), (32, 1024), (64, 2048))
BLOCK = 4096  # documents


def drawing(corpus: Any, config: Any, touch: Any) -> Any:
    """For each batch: random starts, ``touch`` with what opens the file, and the same x and y again."""
    from loadstone.loaders.token_file import TokenFile

    file, rng = TokenFile.of(corpus, config), np.random.default_rng(config.seed)
    x, y = (torch.zeros(config.batch_size, config.seq_len, dtype=torch.int64) for _ in range(2))
    while True:
        touch(file, rng.integers(0, file.num_tokens - config.seq_len, config.batch_size), config.seq_len + 1)
        yield x, y


def touched(corpus: Any, config: Any) -> Any:
    """A new map, one id of each row read through it, and unmapped."""
    return drawing(corpus, config, lambda file, starts, width: file.map()[starts])


def read(corpus: Any, config: Any) -> Any:
    """The file opened, the rows read, and closed."""
    from loadstone.loaders.token_file import ReadTokens

    return drawing(corpus, config, lambda file, starts, width: ReadTokens(file).windows(starts, width))


def blocks(corpus: Any, config: Any) -> Any:
    """Raw ids permuted within blocks of documents: nothing is carried over, no BOS, no place to resume at."""
    import pyarrow.parquet as pq
    from loadstone.loaders.windows import shifted_views

    rng, need = np.random.default_rng(config.seed), config.batch_size * config.seq_len + 1
    while True:
        for path in corpus.document_files("train"):
            rest = np.empty(0, np.uint16)
            for records in pq.ParquetFile(path, memory_map=True).iter_batches(
                BLOCK, columns=["token_bytes"], use_threads=False
            ):
                column = records.column(0)
                edges = np.frombuffer(column.buffers()[1], np.int32)[column.offset :][: len(column) + 1] // 2
                ids = np.frombuffer(column.buffers()[2], np.uint16)
                cuts, order = edges.tolist(), rng.permutation(len(column)).tolist()
                rest = np.concatenate([rest, *(ids[cuts[i] : cuts[i + 1]] for i in order)])
                for start in range(0, len(rest) - need + 1, need - 1):
                    flat = torch.from_numpy(rest[start : start + need].astype(np.int64))
                    yield shifted_views(flat, config.seq_len, "cpu")
                rest = rest[(len(rest) - 1) // (need - 1) * (need - 1) :]


ROWS = {
    "memmap_persistent": "`memmap_persistent`",
    f"{__file__}:touched": "only a map anew, one id of each row touched, unmapped",
    "memmap_per_batch": "`memmap_per_batch`",
    f"{__file__}:read": "only opened, rows read, closed",
    "memmap_per_batch[access=read]": "`memmap_per_batch[access=read]`",
    f"{__file__}:blocks": "raw ids permuted within blocks, no buffer, no BOS",
    "parquet_stream[column=token_bytes]": "`parquet_stream[column=token_bytes]`",
}


def main() -> None:
    """Print the table: share of the copy limit, and microseconds a batch with their interval."""
    from loadstone.harness.inquiry import Inquiry
    from loadstone.harness.launch import Launcher
    from loadstone.harness.machine import describe_machine
    from loadstone.harness.measuring import Measurer
    from loadstone.harness.settings import Settings
    from loadstone.harness.subjects import select
    from loadstone.loaders.library_text import write_text_corpus

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--effort", default="thorough")
    settings = Settings(effort=parser.parse_args().effort)
    refs = select(tuple(ROWS))
    with Launcher() as launcher:
        launcher.start()
        opened = [Inquiry(launcher).open(ref, {"shape": "fixed"}, {}) for ref in refs]
        corpus = write_text_corpus(launcher.folder / "text", settings.spent.characters)
        measurer = Measurer(launcher, corpus, settings)
        tables = [measurer.throughput(opened, shape) for shape in SHAPES]
    print(", ".join(f"{name} {value}" for name, value in describe_machine().identity.items()))
    print("| what | " + " | ".join(f"{b} x {t}: of limit | us a batch" for b, t in SHAPES) + " | rounds |")
    print("| --- " * (2 + 2 * len(SHAPES)) + "|")
    for ref, words in zip(refs, ROWS.values(), strict=True):
        rows = [table[ref.name][0] for table in tables]
        told = [
            f"{row.limit_share:.2f} | {1e6 * b * t / row.tokens_per_s:.0f} "
            f"({1e6 * b * t / row.high:.0f}-{1e6 * b * t / row.low:.0f})"
            for row, (b, t) in zip(rows, SHAPES, strict=True)
        ]
        print(f"| {words} | " + " | ".join(told) + f" | n = {rows[0].rounds} |")


if __name__ == "__main__":
    main()
