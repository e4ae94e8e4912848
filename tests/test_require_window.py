"""A row and its shifted targets must fit, which is found out before any loader runs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loadstone.errors import DataError
from loadstone.loaders import in_memory, real_data
from loadstone.loaders.library_text import library_text
from loadstone.loaders.real_data import open_data, require_window
from loadstone.loaders.tokenizer import bpe_encoding


def write_bin(path, length):
    np.arange(100, 100 + length).astype("uint16").tofile(path)
    return path


@pytest.mark.parametrize(("length", "fits"), [(1, False), (16, False), (17, True), (18, True)])
def test_a_window_needs_one_token_more_than_its_length(tmp_path, length, fits):
    corpus = open_data(write_bin(tmp_path / "x.bin", length))
    if fits:
        assert require_window(corpus, 16) is None
        return
    with pytest.raises(DataError, match=f"holds {length} tokens") as caught:
        require_window(corpus, 16)
    assert "need 17" in str(caught.value)


def test_a_window_in_a_split_that_is_missing(tmp_path):
    corpus = open_data(write_bin(tmp_path / "x.bin", 100))
    with pytest.raises(DataError, match="no token file for 'val'"):
        require_window(corpus, 4, "val")


def test_a_window_in_text_is_counted_in_tokens_of_its_part(tmp_path):
    text = "".join(library_text(60_000))
    (tmp_path / "x.txt").write_text(text, "utf-8")
    corpus = open_data(tmp_path / "x.txt")
    tokens = len(bpe_encoding().encode_ordinary(text))
    val = tokens - int(0.9 * tokens)
    for split, part in (("train", tokens - val), ("val", val)):
        require_window(corpus, part - 1, split)
        with pytest.raises(DataError, match=f"holds {part} tokens"):
            require_window(corpus, part, split)
    require_window(corpus, 5)


def test_text_is_split_as_the_loader_that_reads_it_does():
    assert real_data.TRAIN_SHARE == in_memory.TRAIN_SHARE


def test_documents_have_no_windows_to_require(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["a"]}), path)
    assert require_window(open_data(path), 10_000) is None
