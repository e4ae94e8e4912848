"""Data that others made, for ``--data``: opened as a corpus once it was found sound.

What can be opened: a folder written by ``loadstone corpus``; a nanoGPT folder (``train.bin`` and
perhaps ``val.bin``; its ``meta.pkl`` is never unpickled, for unpickling runs code); a ``.bin``
file; parquet, as one file or a folder of them, with ``text`` or ``tokens``, ``prompt`` and
``response``, or ``messages``; conversations in JSONL; plain UTF-8 text. Nothing is copied or
converted: the description made here, of kind ``foreign``, lives in memory and names the files
where they are.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import DataError, UsageError
from . import foreign
from .corpus import MANIFEST, Corpus
from .foreign import Splits, Stated
from .validate import token_dtype

TRAIN_SHARE = 0.9  # of plain text, as the loaders that read it split it
VAL_NAME = re.compile(r"(val|valid|validation|test|dev|eval)(?![a-z])", re.IGNORECASE)
LOOKED_FOR = "corpus.json, train.bin, *.parquet, *.jsonl and *.txt"
KINDS = (
    ((".parquet", ".pq"), foreign.parquet),
    ((".jsonl", ".ndjson"), foreign.conversations),
    ((".txt",), foreign.text),
)
# Files that hold tokens or text, but not in a way that can be read: what to do with them.
ADVICE = {
    ".json": "one JSON value, not lines; write one conversation a line, as .jsonl",
    ".npy": "a NumPy file with a header; write raw ids with `array.tofile`, as .bin",
    ".npz": "a NumPy archive; write raw ids with `array.tofile`, as .bin",
    ".pkl": "a pickle, which runs code when it is read; write raw ids, parquet, JSONL or text",
    ".pt": "a pickle, which runs code when it is read; write raw ids, parquet, JSONL or text",
    ".arrow": "Arrow, not parquet; write it with `pyarrow.parquet.write_table`",
    ".gz": "compressed; unpack it first",
    ".zst": "compressed; unpack it first",
    ".zip": "compressed; unpack it first",
}


def open_data(path: Path | str, dtype: str | None = None, vocab_size: int | None = None) -> Corpus:
    """Open a file or a folder as a corpus, of which only what has been checked is listed.

    Args:
        path: the file or folder.
        dtype: width of raw token files; uint16 unless stated.
        vocab_size: V; for tokens the largest id + 1 unless stated (all ids are read for it).

    Raises:
        UsageError: a dtype or a vocabulary that cannot be.
        DataError: data that is missing, malformed, or not what it claims to be.
    """
    if dtype is not None:
        token_dtype(dtype)
    if vocab_size is not None and (type(vocab_size) is not int or vocab_size < 1):
        raise UsageError(f"--vocab-size must be a whole number of at least 1, not {vocab_size!r}.")
    place, stated = Path(path).expanduser().absolute(), Stated(dtype, vocab_size)
    try:
        if place.is_dir():
            return _open_folder(place, stated)
        if not place.exists():
            raise DataError(f"there is no file or folder {place}; check the path for a typo.")
        if not place.is_file():
            raise DataError(f"{place} is neither a folder nor a regular file; save the data to a file first.")
        return _open_file(place, stated)
    except OSError as error:
        raise DataError(
            f"{place} cannot be read ({error.strerror or error}); check its permissions."
        ) from error


def require_window(corpus: Corpus, seq_len: int, split: str = "train") -> None:
    """Make sure that a row of T and its shifted targets fit in the tokens, or the text, of a split.

    Corpora of documents, pairs or conversations pass: how those fill rows is the loader's affair.

    Raises:
        DataError: fewer than T + 1 tokens.
    """
    if corpus.manifest.token_files:
        where, tokens = str(corpus.token_file(split)), corpus.num_tokens(split)
    elif corpus.manifest.text_files:
        where, tokens = f"the {split!r} part of {corpus.name!r}", _text_tokens(corpus, seq_len, split)
    else:
        return
    if tokens <= seq_len:
        raise DataError(
            f"{where} holds {tokens} tokens, but a row of sequence length {seq_len} and its shifted "
            f"targets need {seq_len + 1}; take a shorter --seq-len or more data."
        )


def _text_tokens(corpus: Corpus, seq_len: int, split: str) -> int:
    """Tokens of one part of plain text; of a text long enough in any case, a lower bound."""
    files = corpus.text_files()
    size = sum(path.stat().st_size for path in files)
    longest = max(len(token) for token in corpus.tokenizer.token_byte_values())
    tokens = size // longest
    if tokens * (1 - TRAIN_SHARE) <= seq_len + 1:
        text = "".join(path.read_text("utf-8") for path in files)
        tokens = len(corpus.tokenizer.encode_ordinary(text))
    train = int(TRAIN_SHARE * tokens)
    return train if split == "train" else tokens - train


def _open_folder(folder: Path, stated: Stated) -> Corpus:
    if (folder / MANIFEST).exists():
        return foreign.written(folder, stated)
    files = {split: [folder / f"{split}.bin"] for split in ("train", "val")}
    if files["train"][0].is_file():
        there = {split: found for split, found in files.items() if found[0].is_file()}
        return foreign.tokens(folder, there, stated)
    for suffixes, opener in KINDS:
        if found := _find(folder, suffixes):
            return opener(folder, _splits(folder, found), stated)
    raise _nothing_in(folder)


def _open_file(path: Path, stated: Stated) -> Corpus:
    """A single file is the training split, whatever its name."""
    suffix = path.suffix.lower()
    if path.name == MANIFEST:
        return foreign.written(path.parent, stated)
    if suffix == ".bin":
        return foreign.tokens(path, {"train": [path]}, stated)
    for suffixes, opener in KINDS:
        if suffix in suffixes:
            return opener(path, {"train": [path]}, stated)
    if suffix in ADVICE:
        raise DataError(f"{path} is {ADVICE[suffix]}.")
    return foreign.text(path, {"train": [path]}, stated)


def _find(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Files of a kind in a folder and the folders directly in it, in name order."""
    near = [*folder.glob("*"), *folder.glob("*/*")]
    return sorted(path for path in near if path.suffix.lower() in suffixes and path.is_file())


def _splits(folder: Path, files: list[Path]) -> Splits:
    """Files whose name, or whose folder's, begins with val, test, dev... are validation."""
    parts: Splits = {"train": [], "val": []}
    for file in files:
        names = file.relative_to(folder).parts
        parts["val" if any(map(VAL_NAME.match, names)) else "train"].append(file)
    if not parts["train"]:
        raise DataError(
            f"{folder} has only validation files ({files[0].name}...); name one of them if it is to be read."
        )
    return {split: found for split, found in parts.items() if found}


def _nothing_in(folder: Path) -> DataError:
    names = sorted(path.name for path in folder.iterdir())
    if not names:
        return DataError(f"the folder {folder} is empty; looked for {LOOKED_FOR}.")
    if bins := [name for name in names if name.endswith(".bin")]:
        return DataError(
            f"the folder {folder} has {', '.join(bins[:3])} but no train.bin; name the file itself, "
            "or rename it to train.bin."
        )
    return DataError(
        f"the folder {folder} holds nothing that can be read (it has {', '.join(names[:5])}"
        f"{'...' if len(names) > 5 else ''}); looked for {LOOKED_FOR}."
    )
