"""Prompt/response pairs: ended, truncated, padded, masked, and each given once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loadstone.loaders.contract import spec_of
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus
from loadstone.loaders.parquet_stream import parquet_stream
from sample_rows import awkward, make, thousand_rows

if TYPE_CHECKING:
    from pathlib import Path

    from loadstone.loaders.corpus import Corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return awkward(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return thousand_rows(tmp_path_factory.mktemp("thousand"))


def pair_corpus(folder: Path, texts: list[tuple[str, str]]) -> Corpus:
    corpus = write_corpus(folder, CorpusSpec(documents=(4,) * len(texts), row_group=2))
    table = pa.table({"prompt": [p for p, _ in texts], "response": [r for _, r in texts]})
    pq.write_table(table, corpus.pair_files()[0], row_group_size=2)
    return corpus


def test_pairs_are_ended_truncated_padded_and_masked(tmp_path: Path) -> None:
    ids = np.arange(30)
    probe = write_corpus(tmp_path / "probe", CorpusSpec(documents=(30,)))
    text = probe.tokenizer.decode(probe.numbering.ids(ids).tolist())
    corpus = pair_corpus(tmp_path / "pairs", [(text[:3], text[3:5]), (text[5:6], text[6:26])])
    (batch,) = make(corpus, {"reads": "pairs"}, shuffle=False)
    eos, pad = corpus.special["<|eos|>"], corpus.special["<|pad|>"]
    own = corpus.tokenizer.encode_ordinary(text)
    assert batch["input_ids"].tolist() == [own[0:3], [own[5], pad, pad]]
    assert batch["input_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["target_ids"].tolist() == [[*own[3:5], eos, *[pad] * 5], [*own[6:13], eos]]
    assert batch["target_mask"].tolist() == [[1] * 3 + [0] * 5, [1] * 8]
    assert {str(value.dtype) for value in batch.values()} == {"torch.int64"}


def test_truncated_tokens_are_counted(thousand: Corpus) -> None:
    loader = make(thousand, {"reads": "pairs"}, seq_len=5)
    assert {batch["target_ids"][0, -1].item() for batch in loader} == {thousand.special["<|eos|>"]}
    # 7 + 7 tokens a row, of which 5 and 4 (and EOS) are kept.
    assert loader.stats() == {"epoch": 1, "batches": 500, "rows": 1000, "truncated_tokens": 5000}


@pytest.mark.parametrize("drop_last", [True, False])
def test_pairs_have_an_honest_length(corpus: Corpus, drop_last: bool) -> None:
    for rank in range(2):
        loader = make(corpus, {"reads": "pairs"}, batch_size=5, drop_last=drop_last, rank=rank, world_size=2)
        promised = len(loader)
        sizes = [len(batch["input_ids"]) for batch in loader]
        assert len(sizes) == promised
        assert all(size == 5 for size in sizes[:-1])
        assert sizes[-1] == 5 or not drop_last
    assert not hasattr(make(corpus), "__len__")


def test_an_empty_prompt_keeps_its_row(tmp_path: Path) -> None:
    corpus = pair_corpus(tmp_path, [("", ""), ("", "")])
    (batch,) = make(corpus, {"reads": "pairs"})
    assert batch["input_mask"].tolist() == [[0], [0]]
    assert batch["target_ids"].tolist() == [[corpus.special["<|eos|>"]]] * 2


def test_traits_follow_the_option() -> None:
    spec = spec_of(parquet_stream)
    assert (spec.traits.reads, spec.traits.targets, spec.traits.resume) == ("documents", "shifted", "exact")
    pairs = spec.traits_with({"reads": "pairs"})
    assert (pairs.reads, pairs.targets, pairs.shape, pairs.overlap) == ("pairs", "paired", "ragged", None)
