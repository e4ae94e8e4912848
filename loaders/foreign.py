"""Describing data that others made: each kind of file, once checked, becomes a corpus in memory."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from ..errors import DataError, UsageError
from . import tokenizer
from .corpus import Corpus, Manifest
from .validate import check_conversations, check_text, count_tokens, largest_id, token_dtype
from .validate_parquet import check_parquet

MIB = 1 << 20
Splits = dict[str, list[Path]]


@dataclasses.dataclass(frozen=True, slots=True)
class Stated:
    """What the user says about the data, because it does not say so itself."""

    dtype: str | None = None
    vocab_size: int | None = None

    def no_dtype(self, path: Path, what: str) -> None:
        """Raise :class:`UsageError` if a dtype was stated for files that have none."""
        if self.dtype is not None:
            raise UsageError(f"--dtype {self.dtype} is for raw token files, but {path} is {what}; omit it.")


def tokens(place: Path, splits: Splits, stated: Stated) -> Corpus:
    """Raw token files, one a split."""
    dtype = token_dtype(stated.dtype or "uint16")
    counts: dict[str, int] = {}
    largest = 0
    for split, (file,) in splits.items():
        counts[split] = count_tokens(file, dtype)
        largest = max(largest, largest_id(file, dtype, stated.vocab_size, stated.dtype is not None))
    notes = [] if stated.vocab_size else [f"vocabulary of {largest + 1}: the largest id found, plus one"]
    if (place / "meta.pkl").exists():
        notes.append("meta.pkl was not read: unpickling a file runs whatever code it holds")
    return _corpus(
        place,
        splits,
        dtype=dtype.name,
        vocab_size=stated.vocab_size or largest + 1,
        num_tokens=counts,
        token_files={split: str(file) for split, (file,) in splits.items()},
        notes=notes,
    )


def parquet(place: Path, splits: Splits, stated: Stated) -> Corpus:
    """Parquet files of documents, pairs or conversations; each is listed as all that it can be."""
    stated.no_dtype(place, "parquet")
    lists: dict[str, Splits] = {"documents": {}, "pairs": {}, "conversations": {}}
    largest = -1
    for split, files in splits.items():
        for file in files:
            facts = check_parquet(file, stated.vocab_size)
            largest = max(largest, facts.largest_id)
            for kind in facts.kinds:
                lists[kind].setdefault(split, []).append(file)
    return _corpus(
        place,
        splits,
        **_vocabulary(place, stated, largest),
        document_files=_names(lists["documents"]),
        pair_files=_names(lists["pairs"]),
        conversation_files=_names(lists["conversations"]),
    )


def conversations(place: Path, splits: Splits, stated: Stated) -> Corpus:
    """JSONL files with one conversation a line."""
    stated.no_dtype(place, "JSONL")
    for files in splits.values():
        for file in files:
            check_conversations(file)
    return _corpus(place, splits, **_vocabulary(place, stated), conversation_files=_names(splits))


def text(place: Path, splits: Splits, stated: Stated) -> Corpus:
    """Plain text, whole: whoever reads it makes the split, so the names of the files do not."""
    stated.no_dtype(place, "text")
    files = [file for part in splits.values() for file in part]
    for file in files:
        check_text(file)
    return _corpus(place, splits, **_vocabulary(place, stated), text_files=[str(file) for file in files])


def written(folder: Path, stated: Stated) -> Corpus:
    """A folder written by ``loadstone corpus``, whose files are still as it says."""
    corpus = Corpus.open(folder)
    has = corpus.manifest
    for name, said, there in (
        ("dtype", stated.dtype, has.dtype),
        ("vocab-size", stated.vocab_size, has.vocab_size),
    ):
        if said not in (None, there):
            raise UsageError(
                f"--{name} {said} contradicts {folder}/corpus.json, which says {there}; omit it."
            )
    dtype = token_dtype(has.dtype)
    groups = (has.document_files, has.pair_files, has.conversation_files)
    listed = [name for group in groups for names in group.values() for name in names]
    for name in [*listed, *has.token_files.values(), *has.text_files]:
        if not (folder / name).is_file():
            raise DataError(f"{folder} lacks {name}, which its corpus.json lists; write the corpus again.")
    for split in has.token_files:
        found = corpus.token_file(split).stat().st_size // dtype.itemsize
        if found != corpus.num_tokens(split):
            raise DataError(
                f"{corpus.token_file(split)} holds {found} tokens, but corpus.json says "
                f"{corpus.num_tokens(split)}; was a copy cut short? Write the corpus again."
            )
    return corpus


def _vocabulary(place: Path, stated: Stated, largest: int = -1) -> dict[str, Any]:
    """Fields for data that is tokenised by us, or that has ids without special tokens.

    Ids that are given (up to ``largest``) may be another tokenizer's, so the special tokens that
    loaders put between documents are numbered after them.
    """
    encoding = tokenizer.bpe_encoding()
    needed = encoding.n_vocab
    special = {name: encoding.encode_single_token(name) for name in tokenizer.SPECIAL_NAMES}
    notes = ["text is tokenised by bpe4k, which ships with Loadstone"]
    if largest >= 0:
        special = tokenizer.specials(max(largest + 1, needed, stated.vocab_size or 0))
        notes = [f"special tokens are numbered after the ids found, from {min(special.values())} on"]
        needed = max(special.values()) + 1
    elif stated.vocab_size is not None and stated.vocab_size < needed:
        raise UsageError(
            f"--vocab-size {stated.vocab_size} is too small for {place}, whose text is tokenised by "
            f"bpe4k into {needed} ids; omit it."
        )
    vocab_size = max(needed, stated.vocab_size or 0)
    return {"vocab_size": vocab_size, "tokenizer": "bpe4k", "special": special, "notes": notes}


def _names(splits: Splits) -> dict[str, list[str]]:
    return {split: [str(file) for file in files] for split, files in splits.items()}


def _corpus(place: Path, splits: Splits, **fields: Any) -> Corpus:
    """The corpus of these files, which the description names by their absolute paths."""
    folder = place if place.is_dir() else place.parent
    name = place.name if place.is_dir() else place.stem
    manifest = Manifest(name=name, kind="foreign", fingerprint=_fingerprint(splits), **fields)
    return Corpus(folder, manifest)


def _fingerprint(splits: Splits) -> str:
    """Of the size, the first and the last MiB of each file: cheap however large they are."""
    digest = hashlib.sha256()
    for split, files in splits.items():
        for path in files:
            size = path.stat().st_size
            digest.update(f"{split} {size} ".encode())
            with path.open("rb") as file:
                digest.update(file.read(MIB))
                file.seek(max(0, size - MIB))
                digest.update(file.read(MIB))
    return digest.hexdigest()[:16]
