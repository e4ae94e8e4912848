"""The known chain: what there is to learn in it, and how sure one can be of a mean."""

from __future__ import annotations

import numpy as np
import pytest
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus
from loadstone.loaders.counting import PRIME, SPECIAL, UNKNOWN, numbering
from loadstone.loaders.markov import WORDS, Markov
from loadstone.loaders.spelled import AFTER, BEFORE, write_spelled
from loadstone.loaders.tokenizer import SPECIAL_NAMES
from loadstone.suites.learning import interval

SIZE = 12_000


@pytest.mark.parametrize("seed", range(40))
def test_a_right_shift_costs_the_entropy_and_any_other_much_more(seed):
    names = Markov(seed, SIZE)
    chain = names.ids(np.arange(SIZE))
    margin = interval(names, SIZE - 1, 30)

    def off(x, y):
        return abs(names.surprise(x, y).mean() - names.entropy)

    assert off(chain[:-1], chain[1:]) < margin
    for x, y in ((chain[1:], chain[:-1]), (chain, chain), (chain[:-2], chain[2:])):
        assert off(x, y) > 10 * margin


@pytest.mark.parametrize("seed", range(40))
def test_windows_drawn_with_replacement_stay_within_the_interval(seed):
    names = Markov(seed, SIZE)
    chain, rng = names.ids(np.arange(SIZE)), np.random.default_rng(seed)
    places = (rng.integers(0, SIZE - 33, 320)[:, None] + np.arange(32)).ravel()
    surprise = names.surprise(chain[places], chain[places + 1]).mean()
    assert abs(surprise - names.entropy) < interval(names, len(places), 30)


def test_each_row_is_a_distribution_of_the_same_shares():
    names = Markov(3, 10)
    words = np.arange(WORDS)
    table = np.exp(-names.surprise(*np.meshgrid(words, words, indexing="ij")))
    assert np.allclose(table.sum(axis=1), 1)
    assert np.allclose(np.sort(table, axis=1)[:, ::-1], names.shares)
    assert names.entropy == pytest.approx(-(names.shares * np.log(names.shares)).sum())


def test_its_ids_name_no_positions():
    names = numbering("markov", 0, 50)
    assert names.locate(names.ids(np.arange(50))).tolist() == [UNKNOWN] * 50
    assert names.locate(np.array([PRIME])).tolist() == [SPECIAL]


def test_it_is_written_in_every_format(tmp_path):
    corpus = write_corpus(tmp_path, CorpusSpec(kind="markov", documents=(9, 30), val_documents=(7,), seed=4))
    whole = Markov(4, 46).ids(np.arange(46))
    assert np.fromfile(corpus.token_file(), corpus.token_dtype).tolist() == whole[:39].tolist()
    assert [ids.tolist() for ids in corpus.iter_documents()] == [whole[:9].tolist(), whole[9:39].tolist()]
    spoken = "".join(m["content"] for turns in corpus.iter_conversations("val") for m in turns)
    assert corpus.tokenizer.encode(spoken) == whole[39:].tolist()


def test_a_pad_may_be_another_name_of_the_end(tmp_path):
    corpus = write_corpus(tmp_path, CorpusSpec(documents=(9,), pad="<|eos|>"))
    assert corpus.special["<|pad|>"] == corpus.special["<|eos|>"]


def test_spelled_control_tokens_stand_between_their_marks(tmp_path):
    corpus = write_spelled(tmp_path, 18)
    texts = [m["content"] for turns in corpus.iter_conversations() for m in turns]
    for name in SPECIAL_NAMES:
        assert any(f"{BEFORE}{name}{AFTER}" in text for text in texts)
    ids = corpus.tokenizer.encode_ordinary(texts[0])
    assert not set(ids) & set(corpus.special.values())
    assert corpus.tokenizer.decode(ids) == texts[0]
