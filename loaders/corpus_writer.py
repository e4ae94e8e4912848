"""Writing counting corpora in every format.

All formats of one folder hold the same documents at the same positions. Variants (document
lengths, separators, shards, validation split) are fields of :class:`CorpusSpec`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError, did_you_mean
from . import tokenizer
from .corpus import Corpus, Manifest, segments
from .counting import PRIME, Numbering, numbering
from .formats import ROLES, IdArray, documents_table, finish, open_folder, write_conversations, write_parquet
from .library_text import library_text, write_text_corpus
from .spelled import write_spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CorpusSpec",
    "documents_table",
    "finish",
    "library_text",
    "pair_cut",
    "turn_cuts",
    "write_conversations",
    "write_corpus",
    "write_text_corpus",
]

KINDS = {"permutation": PRIME, "keyed": 2**31, "markov": 2**20}  # positions of each kind, at most


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CorpusSpec:
    """What a counting corpus is to look like.

    Attributes:
        kind: ``permutation`` (up to 65,521 positions), ``keyed`` (longer, uint32), ``markov``
            (a known chain of 64 words, which name no positions) or ``spelled`` (texts that spell
            control tokens).
        documents, val_documents: tokens in each document; 0 is allowed.
        separators: put a BOS before every document in the token files.
        shards: parquet files the training documents are spread over.
        row_group: documents in a row group.
        seed: chooses the numbering.
        pad: the special token that ``<|pad|>`` is another name of.
    """

    kind: str = "permutation"
    documents: tuple[int, ...] = ()
    val_documents: tuple[int, ...] = ()
    separators: bool = False
    shards: int = 1
    row_group: int = 64
    seed: int = 0
    pad: str = "<|pad|>"

    @classmethod
    def random(
        cls, tokens: int, mean_length: int = 120, val_share: float = 0.1, seed: int = 0, **changes: Any
    ) -> CorpusSpec:
        """About ``tokens`` positions in documents of random length, validation split included."""
        rng = np.random.default_rng([seed, tokens])
        val = int(tokens * val_share)
        gap = int(bool(changes.get("separators")))
        return cls(
            documents=_lengths(rng, tokens - val, mean_length, gap),
            val_documents=_lengths(rng, val, mean_length, gap),
            seed=seed,
            **changes,
        )

    @property
    def positions(self) -> int:
        """Positions of both splits, separators included."""
        lengths = self.documents + self.val_documents
        return sum(lengths) + len(lengths) * int(self.separators)


def _lengths(rng: np.random.Generator, total: int, mean: int, gap: int) -> tuple[int, ...]:
    """Lengths between 1 and twice the mean that, each with its gap, add up to ``total``."""
    lengths: list[int] = []
    left = total
    while left > gap:
        lengths.append(min(left - gap, int(rng.integers(1, 2 * mean))))
        left -= lengths[-1] + gap
    return tuple(lengths)


def write_corpus(folder: Path, spec: CorpusSpec) -> Corpus:
    """Write a counting corpus in all its formats, and its description last.

    A ``keyed`` corpus has no text (there are not so many characters), so it is written as token
    files and token documents only.

    Raises:
        UsageError: an unknown kind, or more positions than the kind can name.
    """
    if spec.kind == "spelled":
        return write_spelled(Path(folder), len(spec.documents), spec.seed)
    if spec.kind not in KINDS:
        raise UsageError(f"there is no corpus kind {spec.kind!r}; {did_you_mean(spec.kind, KINDS, 'kinds')}")
    if spec.positions > KINDS[spec.kind]:
        raise UsageError(
            f"a counting corpus of kind {spec.kind!r} names at most {KINDS[spec.kind]} positions, "
            f"not {spec.positions}; take fewer tokens or, for a longer stream, kind 'keyed'."
        )
    names = numbering(spec.kind, spec.seed, spec.positions)
    writer = _Writer(open_folder(Path(folder)), spec, names)
    for split in ("train", "val"):
        if writer.lengths[split]:
            writer.split(split)
    return writer.finish()


class _Writer:
    """Writes one folder; collects what the description needs on the way."""

    def __init__(self, folder: Path, spec: CorpusSpec, names: Numbering) -> None:
        self.folder, self.spec, self.names = folder, spec, names
        self.lengths = {"train": list(spec.documents), "val": list(spec.val_documents)}
        self.with_text = spec.kind != "keyed"  # there are not so many characters
        self.dtype = "uint16" if self.with_text else "uint32"
        self.special = tokenizer.specials(names.first_special)
        self.special["<|pad|>"] = self.special[spec.pad]
        self.tokens: dict[str, int] = {}
        self.files: dict[str, Any] = {
            "token_files": {}, "document_files": {}, "pair_files": {}, "conversation_files": {},
        }  # fmt: skip
        self.digest = hashlib.sha256()

    def split(self, split: str) -> None:
        cuts = segments(self.lengths, split, self.spec.separators)
        documents = [self.names.ids(np.arange(start, end)) for start, end in cuts]
        self._token_file(split, documents)
        self._document_files(split, documents)
        if self.with_text:
            self._pairs(split, documents)
            self._conversations(split, documents)

    def _token_file(self, split: str, documents: Sequence[IdArray]) -> None:
        bos = np.array([self.special["<|bos|>"]] if self.spec.separators else [], np.int64)
        parts = [part for document in documents for part in (bos, document)]
        stream = np.concatenate(parts).astype(self.dtype)
        stream.tofile(self.folder / f"{split}.bin")
        self.digest.update(stream.tobytes())
        self.tokens[split] = len(stream)
        self.files["token_files"][split] = f"{split}.bin"

    def _document_files(self, split: str, documents: Sequence[IdArray]) -> None:
        shards = self.spec.shards if split == "train" else 1
        names = [f"documents/{split}-{i}.parquet" for i in range(shards)]
        for name, part in zip(names, np.array_split(np.arange(len(documents)), shards), strict=True):
            rows = [documents[i] for i in part]
            texts = [tokenizer.text_of(row) for row in rows] if self.with_text else None
            write_parquet(self.folder / name, documents_table(rows, self.dtype, texts), self.spec.row_group)
        self.files["document_files"][split] = names

    def _pairs(self, split: str, documents: Sequence[IdArray]) -> None:
        import pyarrow as pa

        cuts = [pair_cut(len(document)) for document in documents]
        rows = list(zip(documents, cuts, strict=True))
        table = pa.table({
            "prompt": [tokenizer.text_of(document[:cut]) for document, cut in rows],
            "response": [tokenizer.text_of(document[cut:]) for document, cut in rows],
        })  # fmt: skip
        write_parquet(self.folder / f"pairs/{split}.parquet", table, self.spec.row_group)
        self.files["pair_files"][split] = [f"pairs/{split}.parquet"]

    def _conversations(self, split: str, documents: Sequence[IdArray]) -> None:
        conversations = [
            [
                {"role": role, "content": tokenizer.text_of(document[start:end])}
                for role, start, end in turn_cuts(i, len(document))
            ]
            for i, document in enumerate(documents)
        ]
        self.files["conversation_files"][split] = write_conversations(
            self.folder, split, conversations, self.spec.row_group
        )

    def finish(self) -> Corpus:
        spec = self.spec
        return finish(
            self.folder,
            Manifest(
                name=f"counting-{spec.kind}-{spec.positions}",
                kind=spec.kind,
                seed=spec.seed,
                dtype=self.dtype,
                vocab_size=max(self.special.values()) + 1,
                tokenizer="counting" if self.with_text else "",
                special=self.special,
                separators=spec.separators,
                num_tokens=self.tokens,
                documents={k: v for k, v in self.lengths.items() if v},
                fingerprint=self.digest.hexdigest()[:16],
                **self.files,
            ),
        )


def pair_cut(length: int) -> int:
    """Where a document of that length is cut into prompt and response."""
    return length // 2


def turn_cuts(index: int, length: int) -> list[tuple[str, int, int]]:
    """Role, first and past-last token of each turn of the conversation made from a document.

    Conversations have one to three exchanges; every fourth begins with a system message.
    """
    roles = list(ROLES) * (1 + index % 3)
    if index % 4 == 3:
        roles.insert(0, "system")
    edges = np.linspace(0, length, len(roles) + 1).astype(int).tolist()
    return list(zip(roles, edges[:-1], edges[1:], strict=True))
