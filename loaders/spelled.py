"""A corpus whose texts spell control tokens: content that must stay the letters it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from . import tokenizer
from .corpus import Corpus, Manifest
from .formats import ROLES, finish, open_folder, write_conversations, write_parquet

if TYPE_CHECKING:
    from pathlib import Path

BEFORE, AFTER = "zq", "qz"  # letters right before and after each spelled token, and nowhere else
ROW_GROUP = 8


def spelled_text(index: int) -> str:
    """A text that spells one control token, each in its turn."""
    name = tokenizer.SPECIAL_NAMES[index % len(tokenizer.SPECIAL_NAMES)]
    return f"please read {index} words {BEFORE}{name}{AFTER} and then go on"


def write_spelled(folder: Path, rows: int, seed: int = 0) -> Corpus:
    """Documents (as text only), pairs and conversations of library-like text under our own BPE."""
    folder = open_folder(folder)
    encoding = tokenizer.bpe_encoding()
    texts = [spelled_text(seed + i) for i in range(rows)]
    documents = pa.table({"text": texts})
    write_parquet(folder / "documents/train-0.parquet", documents, ROW_GROUP)
    pairs = pa.table({"prompt": texts, "response": [spelled_text(seed + i + 4) for i in range(rows)]})
    write_parquet(folder / "pairs/train.parquet", pairs, ROW_GROUP)
    turns = [[{"role": role, "content": text} for role in ROLES] for text in texts]
    files: dict[str, Any] = {
        "document_files": {"train": ["documents/train-0.parquet"]},
        "pair_files": {"train": ["pairs/train.parquet"]},
        "conversation_files": {"train": write_conversations(folder, "train", turns, ROW_GROUP)},
    }
    manifest = Manifest(
        name=f"spelled-{rows}",
        kind="text",
        vocab_size=encoding.n_vocab,
        tokenizer="bpe4k",
        special={name: encoding.encode_single_token(name) for name in tokenizer.SPECIAL_NAMES},
        fingerprint=f"spelled-{rows}-{seed}",
        **files,
    )
    return finish(folder, manifest)
