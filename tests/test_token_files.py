"""Where the token loaders read from: files huge, broken or closed, and plain text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from loadstone.errors import DataError
from loadstone.loaders.corpus import Corpus, Manifest
from loadstone.loaders.in_memory import in_memory
from loadstone.loaders.memmap_per_batch import memmap_per_batch
from loadstone.loaders.memmap_persistent import memmap_persistent
from loadstone.loaders.token_file import TokenFile
from loadstone.loaders.windows import TokenArray, draw_starts, random_windows
from sample_tokens import SEQUENTIAL, Make, config, each_loader

each_memmap = pytest.mark.parametrize("loader", [memmap_per_batch, memmap_persistent])
HUGE = 2**31 + 5000


def corpus_with(folder: Path, data: bytes | None, **changes: Any) -> Corpus:
    """A corpus whose token file holds these bytes, or is missing."""
    if data is not None:
        (folder / "train.bin").write_bytes(data)
    manifest = Manifest(name="bytes", kind="foreign", vocab_size=1000, token_files={"train": "train.bin"})
    return Corpus(folder, msgspec.structs.replace(manifest, **changes))


def text_corpus(folder: Path, text: bytes) -> Corpus:
    (folder / "input.txt").write_bytes(text)
    return Corpus(folder, Manifest(name="text", kind="foreign", vocab_size=4096, text_files=["input.txt"]))


@each_loader
@pytest.mark.parametrize(
    ("data", "changes", "message"),
    [
        (None, {}, r"train\.bin does not exist; .* correct the path"),
        (b"", {}, r"train\.bin is empty; did the run"),
        (b"123", {}, r"has 3 bytes, which is no whole number of uint16 ids of 2 bytes"),
        (b"12345678", {}, r"holds 4 tokens, but a row of sequence length 4 .* need 5"),
        (bytes(40), {"num_tokens": {"train": 10}}, r"holds 20 tokens of uint16, but the corpus says 10"),
        (bytes(40), {"token_files": {"val": "train.bin"}}, r"has no token file for 'train'"),
    ],
)
def test_bad_files_are_refused_before_iterating(
    tmp_path: Path, loader: Make, data: bytes | None, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        loader(corpus_with(tmp_path, data, **changes), config(options=SEQUENTIAL))


@pytest.mark.parametrize(("dtype", "last"), [("uint16", 1000), ("int32", -1)])
def test_ids_outside_the_vocabulary_are_refused(tmp_path: Path, dtype: str, last: int) -> None:
    data = np.array([1, 2, 3, 4, last], dtype).tobytes()
    with pytest.raises(DataError, match=f"holds the id {last}, outside the vocabulary of 1000"):
        in_memory(corpus_with(tmp_path, data, dtype=dtype), config())


@each_loader
@pytest.mark.parametrize("options", [{}, SEQUENTIAL])
def test_batches_outlive_a_closed_loader(tmp_path: Path, loader: Make, options: dict[str, str]) -> None:
    stream = loader(corpus_with(tmp_path, np.arange(100, dtype=np.uint16).tobytes()), config(options=options))
    iterator = iter(stream)
    x, y = next(iterator)
    kept = x.clone()
    stream.close()
    assert torch.equal(x, kept)
    assert torch.equal(y, kept + 1)
    with pytest.raises(ValueError, match="closed"):
        next(iterator)


def maps_of(path: Path) -> int:
    return sum(line.endswith(str(path)) for line in Path("/proc/self/maps").read_text().splitlines())


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's list of maps")
def test_maps_live_as_long_as_they_say(tmp_path: Path) -> None:
    corpus = corpus_with(tmp_path, np.arange(100, dtype=np.uint16).tobytes())
    path = tmp_path / "train.bin"
    descriptors = open_descriptors()
    per_batch, persistent = memmap_per_batch(corpus, config()), memmap_persistent(corpus, config())
    first, second = iter(per_batch), iter(persistent)
    held = [next(first), next(second), next(first)]
    assert maps_of(path) == 1  # the persistent one's
    assert open_descriptors() <= descriptors + 1  # mmap keeps a duplicate of its own
    persistent.close()
    assert maps_of(path) == 0
    assert open_descriptors() <= descriptors
    assert all(torch.equal(y, x + 1) for x, y in held)


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    from loadstone.loaders.sparse_corpus import write_sparse

    return write_sparse(tmp_path_factory.mktemp("huge"), HUGE)


@each_memmap
def test_offsets_past_two_to_the_31_are_right(huge: Corpus, loader: Make) -> None:
    stream = loader(huge, config(seq_len=64, options=SEQUENTIAL))
    size = 2 * 64
    assert len(stream) == (HUGE - 1) // size
    for batch in (0, 2**31 // size - 1, 2**31 // size, len(stream) - 1):
        stream.load_state_dict(stream.state_dict() | {"batch": batch})
        x, y = next(iter(stream))
        expected = huge.numbering.ids(batch * size + np.arange(size + 1))
        assert x.reshape(-1).tolist() == expected[:-1].tolist()
        assert y[-1, -1] == expected[-1]


def test_random_windows_past_two_to_the_31_are_right(huge: Corpus) -> None:
    tokens = TokenArray(TokenFile.of(huge, config(seq_len=64)).map())
    starts = np.array([0, 2**31 - 30, HUGE - 65])  # the last one ends with the final token
    x, y = random_windows(tokens, starts, 64)
    assert huge.locate(x.numpy()).tolist() == (starts[:, None] + np.arange(64)).tolist()
    assert huge.locate(y.numpy()).tolist() == (starts[:, None] + np.arange(1, 65)).tolist()


def test_starts_are_drawn_past_two_to_the_32() -> None:
    starts = draw_starts(np.random.default_rng(0), 2**34, 64, 1000)
    assert starts.dtype == np.int64
    assert (starts > 2**32).mean() == pytest.approx(0.75, abs=0.05)


def test_text_is_encoded_and_split_nine_to_one(tmp_path: Path) -> None:
    corpus = text_corpus(tmp_path, b"the quick brown fox jumps over the lazy dog " * 5)
    text = (tmp_path / "input.txt").read_text()
    stoi = {character: i for i, character in enumerate(sorted(set(text)))}
    ids = [stoi[character] for character in text]
    cut = int(0.9 * len(ids))
    options = SEQUENTIAL | {"encoding": "characters"}
    for split, part in (("train", ids[:cut]), ("val", ids[cut:])):
        stream = in_memory(corpus, config(batch_size=1, options=options, split=split))
        x = torch.cat([x for x, _ in stream]).reshape(-1).tolist()
        assert x == part[: len(x)]
        assert len(part) - 1 - len(x) < 4


@pytest.mark.parametrize("options", [{}, {"encoding": "bpe4k"}, {"source": "text"}])
def test_text_goes_through_the_corpus_tokenizer(tmp_path: Path, options: dict[str, str]) -> None:
    corpus = text_corpus(tmp_path, "def main() -> None:\n    print('naïve — 😀')\n".encode() * 9)
    ids = corpus.tokenizer.encode_ordinary((tmp_path / "input.txt").read_text("utf-8"))
    x, y = next(iter(in_memory(corpus, config(options=SEQUENTIAL | options))))
    assert [*x.reshape(-1).tolist(), int(y[-1, -1])] == ids[:9]


def test_a_state_of_another_encoding_is_refused(tmp_path: Path) -> None:
    corpus = text_corpus(tmp_path, b"to be or not to be, that is the question " * 9)
    first, second = (
        in_memory(corpus, config(options=SEQUENTIAL | {"encoding": encoding}))
        for encoding in ("bpe4k", "characters")
    )
    with pytest.raises(ValueError, match="/bpe4k"):
        second.load_state_dict(first.state_dict())


@pytest.mark.parametrize(
    ("text", "message"),
    [(b"", "holds 0 tokens"), (b"\xff\xfe", "is not UTF-8 text .byte 0."), (b"to be", "holds 4 tokens")],
)
def test_bad_text_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        in_memory(text_corpus(tmp_path, text), config(options={"encoding": "characters"}))


def test_missing_text_and_unknown_encodings_are_refused(tmp_path: Path) -> None:
    corpus = text_corpus(tmp_path, b"words")
    with pytest.raises(DataError, match="cannot be loaded"):
        in_memory(corpus, config(options={"encoding": "no-such-encoding"}))
    with pytest.raises(DataError, match="has no token file"):
        in_memory(corpus, config(options={"source": "tokens"}))
    (tmp_path / "input.txt").unlink()
    with pytest.raises(DataError, match=r"input\.txt does not exist"):
        in_memory(corpus, config())
