"""The place in a pass: saved after any batch, taken up by another loader, as often as wanted."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from loadstone.loaders.contract import LoaderConfig
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus
from loadstone.loaders.parquet_stream import parquet_stream

if TYPE_CHECKING:
    from pathlib import Path

    from loadstone.loaders.corpus import Corpus

MODES: dict[str, dict[str, Any]] = {
    "documents": {"buffer_size": 10},
    "small buffer": {"buffer_size": 1},
    "whole buffer": {"buffer_size": 1000},
    "text": {"buffer_size": 10, "column": "text"},
    "bytes in memory": {"buffer_size": 10, "column": "token_bytes", "keep_in_memory": True},
    "pairs": {"buffer_size": 10, "reads": "pairs"},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Documents shorter and longer than a batch of 2 x 8, several to a row group."""
    lengths = (0, 1, 7, 40, 8, 9, 30) * 6
    spec = CorpusSpec(documents=lengths, val_documents=(20, 30), shards=3, row_group=4)
    return write_corpus(tmp_path_factory.mktemp("corpus"), spec)


def make(corpus: Corpus, options: dict[str, Any], **changes: Any) -> Any:
    settings: dict[str, Any] = {"batch_size": 2, "seq_len": 8, "options": options} | changes
    return parquet_stream(corpus, LoaderConfig(**settings))


def plain(batch: Any) -> list[Any]:
    values = batch.values() if isinstance(batch, dict) else batch
    return [value.tolist() for value in values]


def rest(loader: Any) -> list[list[Any]]:
    return [plain(batch) for batch in loader]


def after(corpus: Corpus, options: dict[str, Any], batches: int, **changes: Any) -> Any:
    """A loader's state after some batches, through JSON as a checkpoint would take it."""
    loader = make(corpus, options, **changes)
    for _ in itertools.islice(loader, batches):
        pass
    return json.loads(json.dumps(loader.state_dict()))


def restored(corpus: Corpus, options: dict[str, Any], state: Any, **changes: Any) -> Any:
    loader = make(corpus, options, **changes)
    loader.load_state_dict(state)
    return loader


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("epoch", [0, 1, 2])
@pytest.mark.parametrize("mode", MODES)
def test_a_pass_goes_on_after_every_batch(
    corpus: Corpus, mode: str, epoch: int, drop_last: bool, shuffle: bool
) -> None:
    changes = {"epoch": epoch, "drop_last": drop_last, "shuffle": shuffle}
    loader = make(corpus, MODES[mode], **changes)
    states, batches = [loader.state_dict()], []
    for batch in loader:
        batches.append(plain(batch))
        states.append(loader.state_dict())
    upcoming = rest(loader)
    assert len(batches) > 15
    for k, state in enumerate(states):
        again = restored(corpus, MODES[mode], json.loads(json.dumps(state)), **changes)
        assert rest(again) == batches[k:], k
        if k % 7 == 0:
            assert rest(again) == upcoming, k


@pytest.mark.parametrize("mode", MODES)
def test_a_second_generation_is_as_good_as_the_first(corpus: Corpus, mode: str) -> None:
    whole = rest(make(corpus, MODES[mode]))
    first = after(corpus, MODES[mode], 5)
    for k in range(len(whole) - 5):
        loader = restored(corpus, MODES[mode], first)
        for _ in itertools.islice(loader, k):
            pass
        assert rest(restored(corpus, MODES[mode], loader.state_dict())) == whole[5 + k :], k


@pytest.mark.parametrize("mode", MODES)
def test_the_state_before_the_first_batch_and_right_after_a_restore(corpus: Corpus, mode: str) -> None:
    loader = make(corpus, MODES[mode])
    start = loader.state_dict()
    iterator = iter(loader)
    assert loader.state_dict() == start
    next(iterator)
    assert loader.state_dict() != start
    state = after(corpus, MODES[mode], 6)
    again = restored(corpus, MODES[mode], state)
    assert again.state_dict() == state
    iter(again)
    assert again.state_dict() == state
    assert rest(restored(corpus, MODES[mode], again.state_dict())) == rest(make(corpus, MODES[mode]))[6:]


def test_past_the_end_the_state_is_the_next_epoch(corpus: Corpus) -> None:
    loader = make(corpus, MODES["documents"])
    rest(loader)
    assert rest(restored(corpus, MODES["documents"], loader.state_dict())) == rest(
        make(corpus, MODES["documents"], epoch=1)
    )


def test_breaking_off_keeps_the_place_until_the_next_pass(corpus: Corpus) -> None:
    options = MODES["documents"]
    loader = make(corpus, options)
    for batch in loader:
        if plain(batch) == rest(make(corpus, options))[3]:
            break
    assert rest(restored(corpus, options, loader.state_dict())) == rest(make(corpus, options))[4:]
    loader.close()
    assert rest(restored(corpus, options, loader.state_dict())) == rest(make(corpus, options))[4:]


def test_a_state_does_not_change_with_later_batches(corpus: Corpus) -> None:
    loader = make(corpus, MODES["documents"])
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    copy = json.dumps(state)
    rest(iterator)
    assert json.dumps(state) == copy
    loader.load_state_dict(state)
    loader.state_dict()["held"].clear()
    state["held"].clear()
    assert json.dumps(loader.state_dict()) == copy


def test_a_broken_off_pass_is_followed_by_the_next_epoch(corpus: Corpus) -> None:
    loader = make(corpus, MODES["documents"])
    next(iter(loader))
    assert rest(loader) == rest(make(corpus, MODES["documents"], epoch=1))


def test_an_iterator_that_gave_nothing_uses_up_no_epoch(corpus: Corpus) -> None:
    loader = make(corpus, MODES["documents"])
    iter(loader)
    assert rest(loader) == rest(make(corpus, MODES["documents"]))


def test_setting_the_epoch_of_a_restored_place_keeps_it(corpus: Corpus) -> None:
    options = MODES["documents"]
    loader = restored(corpus, options, after(corpus, options, 4, epoch=2))
    loader.set_epoch(2)
    assert rest(loader) == rest(make(corpus, options, epoch=2))[4:]
    loader.load_state_dict(after(corpus, options, 4, epoch=2))
    loader.set_epoch(1)
    assert rest(loader) == rest(make(corpus, options, epoch=1))


def test_each_rank_restores_its_own_place(corpus: Corpus) -> None:
    for rank in range(2):
        ranks = {"rank": rank, "world_size": 2}
        state = after(corpus, MODES["documents"], 3, **ranks)
        loader = restored(corpus, MODES["documents"], state, **ranks)
        assert rest(loader) == rest(make(corpus, MODES["documents"], **ranks))[3:]


def test_restoring_reads_only_the_row_groups_it_needs(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = after(corpus, MODES["documents"], 20)
    loader = restored(corpus, MODES["documents"], state)
    groups, read = [], type(loader.source._groups).read

    def counted(self: Any, group: int, columns: list[str]) -> Any:
        groups.append(group)
        return read(self, group, columns)

    monkeypatch.setattr(type(loader.source._groups), "read", counted)
    next(iter(loader))
    assert 0 < len(groups) <= len(state["held"]) + 2
    assert len(groups) < len(loader.source.counts)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"batch_size": 3}, "batch_size was 2 and is 3 here"),
        ({"seq_len": 9}, "seq_len was 8 and is 9 here"),
        ({"rank": 1, "world_size": 2}, "rank was 0 and is 1 here; world_size was 1 and is 2 here"),
        ({"seed": 1}, "seed was 1337 and is 1 here"),
        ({"split": "val"}, "split was 'train' and is 'val' here"),
        ({"options": {"buffer_size": 11}}, "buffer_size was 10 and is 11 here"),
        ({"options": {"buffer_size": 10, "column": "text"}}, r"columns was \['tokens'\] and is \['text'\]"),
        ({"options": {"buffer_size": 10, "reads": "pairs"}}, r"is \['prompt', 'response'\] here"),
    ],
)
def test_a_state_of_other_settings_is_refused(corpus: Corpus, changes: dict[str, Any], sentence: str) -> None:
    state = after(corpus, MODES["documents"], 2)
    with pytest.raises(ValueError, match=sentence):
        restored(corpus, changes.pop("options", MODES["documents"]), state, **changes)


def test_a_state_of_another_corpus_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    other = write_corpus(tmp_path, CorpusSpec(documents=(30,) * 20, seed=1))
    state = after(corpus, MODES["documents"], 2)
    with pytest.raises(ValueError, match=r"fingerprint was '.*' and is '.*' here"):
        restored(other, MODES["documents"], state)


@pytest.mark.parametrize("mode", ["documents", "pairs"])
def test_a_state_from_before_the_order_of_rows_changed_is_refused(corpus: Corpus, mode: str) -> None:
    state = after(corpus, MODES[mode], 2)
    del state["bound"]["order_version"]
    with pytest.raises(ValueError, match="order_version was None and is 2 here"):
        restored(corpus, MODES[mode], state)


@pytest.mark.parametrize("state", [{}, {"epoch": 3}, None])
def test_what_is_no_state_is_refused(corpus: Corpus, state: Any) -> None:
    with pytest.raises(ValueError, match="this is no state of parquet_stream"):
        make(corpus, {}).load_state_dict(state)


def test_a_state_with_a_piece_missing_is_refused(corpus: Corpus) -> None:
    state = after(corpus, MODES["documents"], 2)
    del state["held"]
    with pytest.raises(ValueError, match="has no held"):
        restored(corpus, MODES["documents"], state)


def test_states_are_plain_and_small(corpus: Corpus) -> None:
    loader = make(corpus, {"buffer_size": 1000})
    next(iter(loader))
    state = loader.state_dict()
    assert json.loads(json.dumps(state)) == state
    assert len(json.dumps(state)) < 2000
