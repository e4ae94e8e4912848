"""Conversations, and what the tests of the conversation loader share."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from loadstone.loaders.contract import LoaderConfig
from loadstone.loaders.conversation_deque import ConversationStream, conversation_deque
from loadstone.loaders.corpus import Corpus, Manifest
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus
from loadstone.loaders.tokenizer import SPECIAL_NAMES, get_encoding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import numpy.typing as npt

SMALL = {"batch_size": 2, "seq_len": 4}
TALK = [
    {"role": "system", "content": "be kind", "name": "ignored"},
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "hello there", "weight": 1},
]


def nine_conversations(folder: Path) -> Corpus:
    """Conversations of 0 to 40 tokens of content."""
    spec = CorpusSpec(documents=(8, 0, 13, 40, 1, 7, 22, 5, 30), val_documents=(20,))
    return write_corpus(folder, spec)


def chat_corpus(folder: Path, lines: Iterable[str]) -> Corpus:
    """A corpus of one JSONL file with these lines, under the byte-level BPE."""
    (folder / "chat.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    encoding = get_encoding("bpe4k")
    manifest = Manifest(
        name="chat",
        kind="text",
        vocab_size=encoding.n_vocab,
        tokenizer="bpe4k",
        special={name: encoding.encode_single_token(name) for name in SPECIAL_NAMES},
        conversation_files={"train": ["chat.jsonl"]},
    )
    return Corpus(folder, manifest)


def make(corpus: Corpus, options: Mapping[str, Any] | None = None, **changes: Any) -> ConversationStream:
    """The conversation loader, B=2 and T=4 unless said otherwise."""
    return conversation_deque(corpus, LoaderConfig(**{**SMALL, "options": options or {}, **changes}))


def take(loader: ConversationStream, batches: int) -> list[tuple[Any, Any]]:
    """The next batches as plain lists, so that they compare."""
    return [(x.tolist(), y.tolist()) for x, y in itertools.islice(loader, batches)]


def stream(
    corpus: Corpus, passes: int = 1, rank: int = 0, world_size: int = 1
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """What the loader must give: ids, and whether each is supervised, of whole passes."""
    ids: list[int] = []
    mask: list[bool] = []
    for messages in itertools.islice(corpus.iter_conversations(), rank, None, world_size):
        ids.append(corpus.special["<|bos|>"])
        mask.append(False)
        for message in messages:
            role, own = message["role"], corpus.tokenizer.encode_ordinary(message["content"])
            ids += [corpus.special[f"<|{role}_start|>"], *own, corpus.special[f"<|{role}_end|>"]]
            mask += [False] + [role == "assistant"] * (len(own) + 1)
    return np.array(ids * passes), np.array(mask * passes)
