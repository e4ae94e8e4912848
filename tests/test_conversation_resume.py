"""The place in the conversation stream: saved after any batch, taken up by another loader."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from loadstone.loaders.chat_template import ChatTemplate
from sample_chats import make, nine_conversations, take

if TYPE_CHECKING:
    from loadstone.loaders.corpus import Corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return nine_conversations(tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("options", [{}, {"token_cache": True}, {"max_tokens": 9}])
@pytest.mark.parametrize("world_size", [1, 3])
def test_the_stream_goes_on_after_every_batch(
    corpus: Corpus, options: dict[str, Any], world_size: int
) -> None:
    ranks = {"rank": world_size - 1, "world_size": world_size, "epoch": 2}
    loader, batches, states = make(corpus, options, **ranks), [], []
    for _ in range(70):
        states.append(json.dumps(loader.state_dict()))
        batches += take(loader, 1)
    assert json.loads(states[-1])["epoch"] >= 4
    for k, state in enumerate(states):
        again = make(corpus, options, **ranks)
        again.load_state_dict(json.loads(state))
        assert again.state_dict() == json.loads(state)
        middle = take(again, min(7, 70 - k))
        second = make(corpus, options, **ranks)
        second.load_state_dict(again.state_dict())
        assert middle + take(second, 70 - k - len(middle)) == batches[k:], k


def test_iterating_again_goes_on_and_a_state_stays_as_it_was(corpus: Corpus) -> None:
    loader, expected = make(corpus), take(make(corpus), 6)
    assert take(loader, 3) == expected[:3]
    state = loader.state_dict()
    copy = json.dumps(state)
    assert take(loader, 3) == expected[3:]
    assert json.dumps(state) == copy
    loader.close()
    loader.load_state_dict(state)
    loader.set_epoch(0)
    assert take(loader, 3) == expected[3:]
    loader.set_epoch(1)
    assert (take(loader, 6), loader.stats()["epoch"]) == (expected, 1)


def test_a_restored_loader_does_not_read_what_was_given(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = make(corpus)
    take(loader, 15)
    state, render = loader.state_dict(), ChatTemplate.render
    rendered: list[str] = []

    def noted(template: ChatTemplate, messages: Any, where: str) -> Any:
        rendered.append(where)
        return render(template, messages, where)

    monkeypatch.setattr(ChatTemplate, "render", noted)
    loader = make(corpus)
    loader.load_state_dict(state)
    next(loader)
    assert state["place"][3] >= 3
    assert rendered[0].endswith(f"line {state['place'][3] + 1}")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"batch_size": 3}, "batch_size was 2 and is 3 here"),
        ({"rank": 1, "world_size": 2}, "world_size was 1 and is 2 here"),
        ({"split": "val"}, "split was 'train' and is 'val' here"),
        ({"options": {"max_tokens": 5}}, "max_tokens was 0 and is 5 here"),
    ],
)
def test_a_state_of_other_settings_is_refused(corpus: Corpus, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make(corpus, **changes).load_state_dict(make(corpus).state_dict())
