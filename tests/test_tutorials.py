"""The small examples of the tutorials, and the loops as they teach them."""

from __future__ import annotations

import itertools
import string
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from loadstone.loaders import in_memory, memmap_per_batch, memmap_persistent
from loadstone.loaders.contract import LoaderConfig, spec_of
from loadstone.loaders.corpus import Corpus, Manifest
from loadstone.loaders.textbook import in_memory as taught_in_memory
from loadstone.loaders.textbook import memmap_per_batch as taught_per_batch
from loadstone.loaders.textbook import memmap_persistent as taught_persistent
from loadstone.loaders.tokenizer import character_encoding

if TYPE_CHECKING:
    from pathlib import Path

OURS = [in_memory.in_memory, memmap_per_batch.memmap_per_batch, memmap_persistent.memmap_persistent]
TAUGHT = [
    taught_in_memory.in_memory,
    taught_per_batch.memmap_per_batch,
    taught_persistent.memmap_persistent,
]
SEQUENTIAL = {"order": "sequential"}
SHAKESPEARE = "\n !$&',-.3:;?" + string.ascii_uppercase + string.ascii_lowercase
Make = Any  # a factory of loaders


def write(folder: Path, ids: Any, dtype: str = "uint16") -> Corpus:
    array = np.asarray(ids).astype(dtype)
    array.tofile(folder / "train.bin")
    manifest = Manifest(
        name="tutorial", kind="foreign", dtype=dtype, vocab_size=65536, token_files={"train": "train.bin"}
    )
    return Corpus(folder, manifest)


def config(batch_size: int, seq_len: int, **changes: Any) -> LoaderConfig:
    return LoaderConfig(batch_size=batch_size, seq_len=seq_len, **changes)


def unroll(x: torch.Tensor, y: torch.Tensor) -> list[tuple[list[int], int]]:
    """Context and target of each position of a row."""
    return [(x[: t + 1].tolist(), int(y[t])) for t in range(len(x))]


@pytest.mark.parametrize("loader", OURS + TAUGHT)
def test_one_to_ten_with_block_size_five(tmp_path: Path, loader: Make) -> None:
    stream = loader(write(tmp_path, range(1, 11)), config(4, 5))
    rows = {
        (*x.tolist(), "->", *y.tolist())
        for xs, ys in itertools.islice(stream, 50)
        for x, y in zip(xs, ys, strict=True)
    }
    assert rows == {
        (1, 2, 3, 4, 5, "->", 2, 3, 4, 5, 6),
        (2, 3, 4, 5, 6, "->", 3, 4, 5, 6, 7),
        (3, 4, 5, 6, 7, "->", 4, 5, 6, 7, 8),
        (4, 5, 6, 7, 8, "->", 5, 6, 7, 8, 9),
        (5, 6, 7, 8, 9, "->", 6, 7, 8, 9, 10),
    }


def test_a_row_unrolls_into_contexts_and_targets(tmp_path: Path) -> None:
    ((x, y),) = in_memory.in_memory(write(tmp_path, range(1, 7)), config(1, 5, options=SEQUENTIAL))
    assert unroll(x[0], y[0]) == [
        ([1], 2),
        ([1, 2], 3),
        ([1, 2, 3], 4),
        ([1, 2, 3, 4], 5),
        ([1, 2, 3, 4, 5], 6),
    ]


@pytest.mark.parametrize("loader", OURS + TAUGHT)
def test_a_batch_of_four_by_eight_holds_32_examples(tmp_path: Path, loader: Make) -> None:
    corpus = write(tmp_path, range(1000))
    x, y = next(iter(loader(corpus, config(4, 8))))
    assert x.shape == y.shape == (4, 8)
    examples = [example for row in range(4) for example in unroll(x[row], y[row])]
    assert len(examples) == 32
    assert all(target == context[-1] + 1 for context, target in examples)


@pytest.mark.parametrize("loader", [*OURS, TAUGHT[0]])
def test_24_tokens_as_four_by_six_with_the_25th_as_last_target(tmp_path: Path, loader: Make) -> None:
    tokens = np.random.default_rng(0).integers(0, 50257, 25)
    x, y = next(iter(loader(write(tmp_path, tokens), config(4, 6, options=SEQUENTIAL))))
    assert x.tolist() == tokens[:24].reshape(4, 6).tolist()
    assert y.tolist() == tokens[1:].reshape(4, 6).tolist()
    assert y[3, 5] == tokens[24]


def test_characters_of_hello_nanogpt() -> None:
    assert len(SHAKESPEARE) == 65
    encoding = character_encoding(sorted(SHAKESPEARE))
    ids = [20, 43, 50, 50, 53, 1, 26, 39, 52, 53, 19, 28, 32]
    assert encoding.encode("Hello NanoGPT") == ids
    assert encoding.decode(ids) == "Hello NanoGPT"


@pytest.mark.parametrize("loader", [OURS[0], TAUGHT[0]])
def test_text_loaders_number_characters_alike(tmp_path: Path, loader: Make) -> None:
    (tmp_path / "input.txt").write_text("Hello NanoGPT" + SHAKESPEARE)
    corpus = Corpus(tmp_path, Manifest(name="text", kind="foreign", vocab_size=65, text_files=["input.txt"]))
    options = SEQUENTIAL | ({"encoding": "characters"} if loader is OURS[0] else {})
    x, y = next(iter(loader(corpus, config(1, 12, options=options))))
    assert x[0].tolist() == [20, 43, 50, 50, 53, 1, 26, 39, 52, 53, 19, 28]
    assert y[0, -1] == 32


# A memmap tutorial prints one x and y of 256 tokens. This is a fixed pair of that shape, from a
# formula in place of a text: the id at position i is (31 i^2 + 7 i + 11) mod 50257. A file of 257
# of them has a single window, so every loader, in any order, must give exactly this pair.
GOLDEN_X_HEAD = [11, 49, 149, 311, 535, 821, 1169, 1579]
GOLDEN_TAIL = [41762, 7291, 23139]  # x ends with the first two, y with all three
GOLDEN_CRC = 3270595490


@pytest.mark.parametrize("options", [{}, SEQUENTIAL])
@pytest.mark.parametrize("loader", OURS + TAUGHT)
def test_golden_pair_of_256_tokens(tmp_path: Path, loader: Make, options: dict[str, str]) -> None:
    corpus = write(tmp_path, [(31 * i * i + 7 * i + 11) % 50257 for i in range(257)])
    x, y = next(iter(loader(corpus, config(1, 256, options=options))))
    assert x.shape == y.shape == (1, 256)
    assert x[0, :8].tolist() == GOLDEN_X_HEAD
    assert x[0, -2:].tolist() == GOLDEN_TAIL[:2]
    assert y[0, -3:].tolist() == GOLDEN_TAIL
    whole = [*x[0].tolist(), int(y[0, -1])]
    assert zlib.crc32(np.array(whole, "<u2").tobytes()) == GOLDEN_CRC


@pytest.mark.parametrize("loader", TAUGHT)
def test_taught_loops_draw_from_the_global_generator(tmp_path: Path, loader: Make) -> None:
    assert spec_of(loader).traits.rng == "global"
    corpus = write(tmp_path, range(5000))
    x = torch.cat([x for x, _ in itertools.islice(loader(corpus, config(2, 4, seed=7)), 2)])
    torch.manual_seed(7)
    starts = torch.cat([torch.randint(5000 - 4, (2,)) for _ in range(2)])
    assert torch.equal(x[:, 0], starts)
    disturbed = iter(loader(corpus, config(2, 4, seed=7)))
    first, _ = next(disturbed)
    torch.rand(1)
    second, _ = next(disturbed)
    assert torch.equal(first, x[:2])
    assert not torch.equal(second, x[2:])


@pytest.mark.parametrize("loader", TAUGHT)
def test_taught_ranks_add_to_the_seed(tmp_path: Path, loader: Make) -> None:
    corpus = write(tmp_path, range(5000))
    one, _ = next(iter(loader(corpus, config(2, 4, seed=0, rank=1, world_size=2))))
    other, _ = next(iter(loader(corpus, config(2, 4, seed=1, rank=0, world_size=2))))
    assert torch.equal(one, other)


def taught_inputs(corpus: Corpus, count: int, rank: int, world_size: int) -> list[int]:
    """First input of each batch of the taught sequential loop, B=2 and T=4."""
    wanted = config(2, 4, rank=rank, world_size=world_size, options=SEQUENTIAL)
    return [int(x[0, 0]) for x, _ in itertools.islice(TAUGHT[0](corpus, wanted), count)]


def test_taught_sequential_loop_goes_round(tmp_path: Path) -> None:
    assert taught_inputs(write(tmp_path, range(25)), 5, rank=0, world_size=1) == [0, 8, 16, 0, 8]


def test_taught_sequential_ranks_drift_apart(tmp_path: Path) -> None:
    corpus = write(tmp_path, range(33))  # two steps of two ranks, exactly
    assert taught_inputs(corpus, 3, rank=0, world_size=2) == [0, 16, 0]
    assert taught_inputs(corpus, 3, rank=1, world_size=2) == [8, 8, 8]  # 24..32 never read


def test_taught_sequential_batches_are_views_of_the_data(tmp_path: Path) -> None:
    assert spec_of(TAUGHT[0]).traits_with(SEQUENTIAL).batch == "view"
    stream = TAUGHT[0](write(tmp_path, range(9)), config(2, 4, options=SEQUENTIAL))
    x, _ = next(iter(stream))
    x.zero_()
    again, _ = next(iter(stream))
    assert again.sum() == 0
