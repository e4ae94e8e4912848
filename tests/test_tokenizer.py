"""Tokenizers: one character one token, the BPE that ships, and specials that text cannot forge."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadstone.errors import DataError
from loadstone.loaders import library_text, tokenizer
from loadstone.loaders.counting import PRIME
from loadstone.loaders.data import train_bpe
from tiktoken.load import load_tiktoken_bpe

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SPELT = "".join(tokenizer.SPECIAL_NAMES) + " <|endoftext|><|bos|"


@pytest.fixture(scope="module")
def counting():
    return tokenizer.counting_encoding()


@pytest.fixture(scope="module")
def bpe():
    return tokenizer.bpe_encoding()


@pytest.fixture(scope="module")
def sample() -> list[str]:
    return list(library_text.library_text(200_000))


@given(st.lists(st.integers(0, PRIME - 1)))
def test_one_character_is_one_token(ids):
    text = tokenizer.text_of(np.array(ids, np.int64))
    assert len(text) == len(ids)
    assert tokenizer.counting_encoding().encode_ordinary(text) == ids
    assert tokenizer.counting_encoding().decode(ids) == text


def test_every_id_of_the_counting_encoding_round_trips(counting):
    everything = np.arange(PRIME)
    text = tokenizer.text_of(everything)
    assert counting.encode_ordinary(text) == everything.tolist()
    assert len(set(text)) == PRIME


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_no_normalisation_changes_the_text(form):
    text = tokenizer.text_of(np.arange(PRIME))
    assert unicodedata.normalize(form, text) == text


@pytest.mark.parametrize("change", [str.casefold, str.lower, str.upper, str.title, str.strip])
def test_no_case_folding_or_stripping_changes_the_text(change):
    text = tokenizer.text_of(np.arange(PRIME))
    assert change(text) == text
    assert not any(character.isspace() for character in text)


@pytest.mark.parametrize("name", ["counting", "bpe4k"])
def test_text_that_spells_special_tokens_does_not_make_them(name):
    encoding = tokenizer.get_encoding(name)
    special = {encoding.encode_single_token(token) for token in tokenizer.SPECIAL_NAMES}
    text = SPELT if name == "bpe4k" else tokenizer.text_of(np.arange(50))
    ids = encoding.encode_ordinary(text)
    assert ids
    assert special.isdisjoint(ids)
    assert encoding.decode(ids) == text


@given(TEXTS)
def test_the_shipped_bpe_gives_every_text_back(text):
    ids = tokenizer.bpe_encoding().encode_ordinary(text + SPELT)
    assert tokenizer.bpe_encoding().decode(ids) == text + SPELT
    assert max(ids) < 4096 - len(tokenizer.SPECIAL_NAMES)


def test_the_shipped_bpe_has_4096_ids_and_all_bytes(bpe):
    ranks = load_tiktoken_bpe(str(tokenizer.BPE_FILE))
    assert sorted(ranks.values()) == list(range(len(ranks)))
    assert {bytes([byte]) for byte in range(256)} <= set(ranks)
    assert bpe.n_vocab == 4096 == len(ranks) + len(tokenizer.SPECIAL_NAMES)
    assert bpe.encode_single_token("<|bos|>") == len(ranks)


def test_the_docstring_says_how_many_merges_there_are():
    merges = len(load_tiktoken_bpe(str(tokenizer.BPE_FILE))) - 256
    assert f"{merges:,} merges" in tokenizer.__doc__


def test_the_shipped_bpe_shortens_source_text(bpe, sample):
    text = "".join(sample)
    assert 3 < len(text.encode()) / len(bpe.encode_ordinary(text)) < 4.5  # measured: 3.6


def test_training_gives_ids_that_both_libraries_agree_on(tmp_path, sample):
    pytest.importorskip("tokenizers", reason="the extra train-bpe is not installed")
    trained = train_bpe.train(sample[:4], ranks=600)
    path = tmp_path / "small.tiktoken"
    train_bpe.write_ranks(path, train_bpe.ranks_of(trained))
    ranks = load_tiktoken_bpe(str(path))
    assert len(ranks) == 600
    import tiktoken

    own = tiktoken.Encoding("x", pat_str=tokenizer.BPE_PATTERN, mergeable_ranks=ranks, special_tokens={})
    for text in [*sample[4:8], "naïve café 北京 12345\r\n\t  x  ", "don't WE'LL"]:
        assert trained.encode(text).ids == own.encode_ordinary(text)


def test_the_byte_alphabet_is_the_one_tokenizers_writes():
    pre_tokenizers = pytest.importorskip("tokenizers", reason="the extra train-bpe is not installed")
    alphabet = set(pre_tokenizers.pre_tokenizers.ByteLevel.alphabet())
    assert set(train_bpe.byte_of_character()) == alphabet
    assert sorted(train_bpe.byte_of_character().values()) == list(range(256))


def test_characters_are_numbered_in_their_order():
    encoding = tokenizer.character_encoding(sorted(set("Hello NanoGPT")))
    assert encoding.decode(encoding.encode("NanoGPT")) == "NanoGPT"
    assert encoding.encode(" GHN") == [0, 1, 2, 3]


def test_an_unknown_encoding_is_a_data_error():
    with pytest.raises(DataError, match="no_such_encoding") as caught:
        tokenizer.get_encoding("no_such_encoding")
    assert "bpe4k" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_role_tokens_are_added_after_an_encoding_that_lacks_them(monkeypatch):
    import tiktoken

    plain = tiktoken.Encoding(
        "plain",
        pat_str=tokenizer.BPE_PATTERN,
        mergeable_ranks={bytes([byte]): byte for byte in range(256)},
        special_tokens={"<|endoftext|>": 256},
    )
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: plain)
    extended = tokenizer.get_encoding("plain")
    assert extended.encode_single_token("<|endoftext|>") == 256
    assert [extended.encode_single_token(name) for name in tokenizer.SPECIAL_NAMES] == list(range(257, 266))
