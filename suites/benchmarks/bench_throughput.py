"""Throughput of the five and of the copy limit, one batch a round, as pytest-benchmark sees it.

Run with ``tox -e bench``, or on an installed Loadstone:

    pytest --pyargs loadstone.suites.benchmarks -o python_files='bench_*.py' --benchmark-enable

``--benchmark-json``, ``--benchmark-histogram`` and ``--benchmark-compare`` work as everywhere. The
numbers of ``loadstone bench`` are the better ones: there all loaders take turns in one run.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from ...loaders.library_text import write_text_corpus

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

SHAPES = ((12, 1024), (32, 1024), (64, 2048))
LOADERS = ("in_memory", "memmap_per_batch", "memmap_persistent", "parquet_stream", "conversation_deque")
CHARACTERS = 3_000_000


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Library text in every format."""
    torch.set_num_threads(1)
    return write_text_corpus(tmp_path_factory.mktemp("text"), CHARACTERS)


def endless(loader: Any) -> Iterator[Any]:
    """Batches of one pass after another."""
    return itertools.chain.from_iterable(loader for _ in itertools.count())


def time_batches(benchmark: BenchmarkFixture, take: Callable[[], Any], tokens: int) -> Any:
    """Time single batches; tokens a batch go into the JSON's extra_info."""
    benchmark.extra_info["tokens_per_batch"] = tokens
    return benchmark.pedantic(take, rounds=200, iterations=1, warmup_rounds=20)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
@pytest.mark.parametrize("name", LOADERS)
def test_loader(benchmark: BenchmarkFixture, corpus: Corpus, name: str, shape: tuple[int, int]) -> None:
    """One batch of a built-in loader."""
    module = importlib.import_module(f"...loaders.{name}", __package__)
    config = LoaderConfig(batch_size=shape[0], seq_len=shape[1])
    items = endless(getattr(module, name)(corpus, config))
    x, y = time_batches(benchmark, lambda: next(items), shape[0] * shape[1])
    assert x.shape == y.shape == shape


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
def test_copy_limit(benchmark: BenchmarkFixture, shape: tuple[int, int]) -> None:
    """The copy limit: contiguous uint16 widened into preallocated int64 x and y."""
    size = shape[0] * shape[1]
    source = np.random.default_rng(0).integers(0, 65521, size + 1, dtype=np.uint16)
    x, y = np.empty(size, np.int64), np.empty(size, np.int64)

    def copy() -> None:
        np.copyto(x, source[:size])
        np.copyto(y, source[1:])

    time_batches(benchmark, copy, size)
    assert (x[1:] == y[:-1]).all()
