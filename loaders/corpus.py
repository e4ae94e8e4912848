"""What a loader reads: one folder, every format, and a description of it in ``corpus.json``."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from ..errors import DataError
from .counting import UNKNOWN, Ids, Numbering, Positions, numbering

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import tiktoken

MANIFEST = "corpus.json"
SCHEMA = "loadstone-corpus/1"
Message = dict[str, str]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What ``corpus.json`` says: where the files are and how to read them."""

    schema: str = SCHEMA
    name: str
    kind: Annotated[str, msgspec.Meta(description="permutation, keyed, sparse, markov, text or foreign")]
    seed: int = 0
    dtype: str = "uint16"
    vocab_size: int
    tokenizer: str = ""
    special: dict[str, int] = {}
    separators: Annotated[
        bool, msgspec.Meta(description="whether a BOS stands before every document in token files")
    ] = False
    num_tokens: dict[str, int] = {}
    documents: Annotated[
        dict[str, list[int]], msgspec.Meta(description="tokens in each document of a split")
    ] = {}
    token_files: dict[str, str] = {}
    document_files: dict[str, list[str]] = {}
    pair_files: dict[str, list[str]] = {}
    conversation_files: dict[str, list[str]] = {}
    text_files: Annotated[list[str], msgspec.Meta(description="whole text, not yet split")] = []
    fingerprint: str = ""
    notes: Annotated[list[str], msgspec.Meta(description="what a reader of reports should know")] = []


class Corpus:
    """A folder of data and its description; all paths are absolute, all ids integers.

    Attributes:
        folder: where the files lie.
        manifest: the description, plain data.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = Path(folder).absolute()
        self.manifest = manifest

    @classmethod
    def open(cls, folder: Path | str) -> Corpus:
        """Read the description in a folder written by ``loadstone corpus``.

        Raises:
            DataError: no such folder, or a description that cannot be read.
        """
        path = Path(folder) / MANIFEST
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        except FileNotFoundError:
            raise DataError(
                f"{path} does not exist; write a corpus with `loadstone corpus {folder}`."
            ) from None
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}); name the corpus's folder.") from error
        except msgspec.MsgspecError as error:
            raise DataError(f"{path} cannot be read: {error}; write the corpus again.") from error
        if manifest.schema != SCHEMA:
            raise DataError(f"{path} is of {manifest.schema!r}, not {SCHEMA!r}; write the corpus again.")
        return cls(Path(folder), manifest)

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return self.manifest.name

    @property
    def token_dtype(self) -> np.dtype[Any]:
        """Width in which the token files are stored."""
        return np.dtype(self.manifest.dtype)

    @property
    def vocab_size(self) -> int:
        """V: every id lies in [0, V)."""
        return self.manifest.vocab_size

    @property
    def special(self) -> dict[str, int]:
        """Special tokens by name, such as ``<|bos|>``."""
        return self.manifest.special

    @functools.cached_property
    def tokenizer(self) -> tiktoken.Encoding:
        """The encoding that turns the corpus's text into its ids."""
        from .tokenizer import get_encoding

        return get_encoding(self.manifest.tokenizer or "bpe4k")

    def num_tokens(self, split: str = "train") -> int:
        """Tokens in the token file of a split, separators included."""
        return self.manifest.num_tokens.get(split, 0)

    def reads(self) -> list[str]:
        """The kinds of source this corpus holds, in the words of the trait ``reads``."""
        return [kind for kind, files in self._kinds().items() if files]

    def nbytes(self, kind: str) -> int:
        """Bytes of all files of one kind of source."""
        return sum((self.folder / name).stat().st_size for name in self._kinds()[kind])

    def _kinds(self) -> dict[str, list[str]]:
        has = self.manifest

        def every(files: dict[str, list[str]]) -> list[str]:
            return [name for names in files.values() for name in names]

        return {
            "tokens": list(has.token_files.values()) or has.text_files,
            "documents": every(has.document_files),
            "pairs": every(has.pair_files),
            "conversations": every(has.conversation_files),
        }

    def token_file(self, split: str = "train") -> Path:
        """The raw token file of a split: ids of ``token_dtype``, nothing else."""
        return self._files("token file", {k: [v] for k, v in self.manifest.token_files.items()}, split)[0]

    def document_files(self, split: str = "train") -> list[Path]:
        """Parquet files with one document a row: ``text``, ``tokens`` and ``token_bytes``."""
        return self._files("parquet documents", self.manifest.document_files, split)

    def pair_files(self, split: str = "train") -> list[Path]:
        """Parquet files with one ``prompt`` and ``response`` a row."""
        return self._files("prompt/response pairs", self.manifest.pair_files, split)

    def conversation_files(self, split: str = "train") -> list[Path]:
        """JSONL (or parquet) files with ``messages``, one conversation a line or row."""
        return self._files("conversations", self.manifest.conversation_files, split)

    def text_files(self) -> list[Path]:
        """Plain text, whole: whoever reads it makes the split."""
        return self._files("plain text", {"train": self.manifest.text_files}, "train")

    def _files(self, what: str, by_split: dict[str, list[str]], split: str) -> list[Path]:
        names = by_split.get(split)
        if not names:
            there = ", ".join(self._formats(split)) or "nothing readable"
            raise DataError(f"the corpus {self.name!r} has no {what} for {split!r}; it has {there}.")
        return [self.folder / name for name in names]

    def _formats(self, split: str) -> list[str]:
        """What there is of a split, in words."""
        has = self.manifest
        formats = {
            "a token file": split in has.token_files,
            "parquet documents": split in has.document_files,
            "prompt/response pairs": split in has.pair_files,
            "conversations": split in has.conversation_files,
            "plain text": bool(has.text_files),
        }
        return [name for name, there in formats.items() if there]

    def iter_documents(self, split: str = "train") -> Iterator[npt.NDArray[np.int64]]:
        """Token ids of each document, int64 (n,), without separators."""
        import pyarrow.parquet as pq

        for path in self.document_files(split):
            columns = pq.read_schema(path).names
            column = "tokens" if "tokens" in columns else "text"
            values: list[Any] = pq.read_table(path, columns=[column])[column].to_pylist()
            for value in values:
                ids = self.tokenizer.encode_ordinary(value) if column == "text" else value
                yield np.asarray(ids, np.int64)

    def iter_pairs(self, split: str = "train") -> Iterator[tuple[str, str]]:
        """Prompt and response of each pair."""
        import pyarrow.parquet as pq

        for path in self.pair_files(split):
            table = pq.read_table(path, columns=["prompt", "response"])
            columns: list[list[Any]] = [table[name].to_pylist() for name in ("prompt", "response")]
            yield from zip(*columns, strict=True)

    def iter_conversations(self, split: str = "train") -> Iterator[list[Message]]:
        """The messages of each conversation, each with ``role`` and ``content``."""
        for path in self.conversation_files(split):
            if path.suffix == ".parquet":
                import pyarrow.parquet as pq

                values: list[Any] = pq.read_table(path, columns=["messages"])["messages"].to_pylist()
                yield from values
            else:
                with path.open(encoding="utf-8") as lines:
                    yield from (json.loads(line)["messages"] for line in lines)

    # What follows is for counting corpora only.

    @functools.cached_property
    def numbering(self) -> Numbering:
        """Which id stands where; only counting corpora have one."""
        if self.manifest.kind not in ("permutation", "keyed", "sparse"):
            raise DataError(f"the corpus {self.name!r} holds real data, whose ids name no positions.")
        return numbering(self.manifest.kind, self.manifest.seed, sum(self.manifest.num_tokens.values()))

    def locate(self, ids: Ids) -> Positions:
        """Source positions, int64, of ids of any shape; -1 unknown, -2 a special token.

        A sparse corpus needs rows of at least three tokens, (T,) or (B, T).
        """
        found = self.numbering.locate(ids)
        return np.where(found < sum(self.manifest.num_tokens.values()), found, UNKNOWN)

    def segments(self, split: str = "train") -> npt.NDArray[np.int64]:
        """First and past-last position, int64 (n, 2), of each document's own tokens."""
        return segments(self.manifest.documents, split, self.manifest.separators)


def segments(documents: Mapping[str, Sequence[int]], split: str, separators: bool) -> npt.NDArray[np.int64]:
    """First and past-last position, int64 (n, 2), of each document; validation follows training."""
    lengths = np.asarray(documents.get(split, []), np.int64)
    gap = int(separators)  # the BOS before a document takes a position too
    before = sum(documents.get("train", [])) + gap * len(documents.get("train", []))
    start = 0 if split == "train" else before
    ends = start + np.cumsum(lengths + gap)
    return np.stack([ends - lengths, ends], axis=1) if len(lengths) else np.zeros((0, 2), np.int64)
