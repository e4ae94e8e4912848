"""The text every Python has: the embedded default for speed, and what the shipped BPE learnt from."""

from __future__ import annotations

import hashlib
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import tokenizer
from .corpus import Corpus, Manifest, Message
from .formats import ROLES, documents_table, finish, open_folder, write_conversations, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

ROW_GROUP = 1024  # rows of the parquet files


def library_text(characters: int) -> Iterator[str]:
    """Source files of this Python's standard library, in name order, until there is enough.

    Text that every machine has: no download, and much the same everywhere.
    """
    root = Path(sysconfig.get_paths()["stdlib"])
    done = 0
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root).parts
        if done >= characters:
            return
        if "site-packages" in relative or "test" in relative or "tests" in relative:
            continue
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if len(text) > 200:
            done += len(text)
            yield text


def write_text_corpus(
    folder: Path, characters: int = 6_000_000, piece: int = 2000, row_group: int = ROW_GROUP
) -> Corpus:
    """The embedded default for speed: library text in every format, tokenised by our own BPE.

    Documents are pieces of about ``piece`` characters; conversations take their turns from
    pieces of about 340. One document in ten is validation. Parquet files have ``row_group`` rows
    in a row group.
    """
    open_folder(folder)
    encoding = tokenizer.bpe_encoding()
    texts = [text[i : i + piece] for text in library_text(characters) for i in range(0, len(text), piece)]
    ids = [np.asarray(encoding.encode_ordinary(text), np.uint16) for text in texts]
    bos = np.array([encoding.encode_single_token("<|bos|>")], np.uint16)
    parts = {"train": [i for i in range(len(ids)) if i % 10], "val": list(range(0, len(ids), 10))}
    files: dict[str, Any] = {
        "token_files": {}, "document_files": {}, "pair_files": {}, "conversation_files": {},
    }  # fmt: skip
    tokens, digest = {}, hashlib.sha256()
    for split, chosen in parts.items():
        stream = np.concatenate([part for i in chosen for part in (bos, ids[i])])
        stream.tofile(folder / f"{split}.bin")
        tokens[split] = len(stream)
        digest.update(stream.tobytes())
        files["token_files"][split] = f"{split}.bin"
        table = documents_table([ids[i] for i in chosen], "uint16", [texts[i] for i in chosen])
        write_parquet(folder / f"documents/{split}-0.parquet", table, row_group)
        files["document_files"][split] = [f"documents/{split}-0.parquet"]
        files["pair_files"][split] = [f"pairs/{split}.parquet"]
        write_parquet(folder / f"pairs/{split}.parquet", _pairs([texts[i] for i in chosen]), row_group)
        files["conversation_files"][split] = write_conversations(
            folder, split, [_conversation(texts[i]) for i in chosen], row_group
        )
    manifest = Manifest(
        name="library-text",
        kind="text",
        vocab_size=encoding.n_vocab,
        tokenizer="bpe4k",
        special={name: encoding.encode_single_token(name) for name in tokenizer.SPECIAL_NAMES},
        separators=True,
        num_tokens=tokens,
        fingerprint=digest.hexdigest()[:16],
        **files,
    )
    return finish(folder, manifest)


def _pairs(texts: Sequence[str]) -> pa.Table:
    """Prompt and response of each text: its first and its second half."""
    import pyarrow as pa

    cuts = [len(text) // 2 for text in texts]
    halves = list(zip(texts, cuts, strict=True))
    return pa.table(
        {"prompt": [text[:cut] for text, cut in halves], "response": [text[cut:] for text, cut in halves]}
    )


def _conversation(text: str, turn: int = 340) -> list[Message]:
    """Cut a text into turns of alternating roles."""
    turns = [text[i : i + turn] for i in range(0, len(text), turn)]
    return [{"role": ROLES[i % 2], "content": content} for i, content in enumerate(turns)]
