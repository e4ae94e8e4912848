"""Corpora written for scenarios: each distinct one once, in the run's scratch folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from ..loaders.corpus import Corpus
from ..loaders.corpus_writer import CorpusSpec, write_corpus
from ..loaders.sparse_corpus import write_sparse
from ..suites.scenario import CorpusRef

LARGE = 1 << 26  # bytes; of a larger file only size and time of change are compared
SPARSE_EVERY = 1 << 17  # tokens between written places of a huge file


class Corpora:
    """Writes corpora on demand and remembers where they lie."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written: dict[str, Corpus] = {}
        self._digests: dict[str, dict[str, str]] = {}

    def get(self, ref: CorpusRef) -> Corpus:
        """The corpus of that reference, written if it was not yet."""
        if ref.key not in self._written:
            self._written[ref.key] = self._write(ref)
            self._digests[ref.key] = digests(self._written[ref.key].folder) if not ref.folder else {}
        return self._written[ref.key]

    def changed(self) -> list[str]:
        """Files that are no longer what was written; their corpora are written anew when next asked for."""
        found = []
        for key, before in self._digests.items():
            if key not in self._written:
                continue
            corpus = self._written[key]
            now = digests(corpus.folder) if before else {}
            differs = [name for name, digest in before.items() if now.get(name) != digest]
            if differs:
                found += [f"{corpus.name}/{name}" for name in differs]
                del self._written[key]
        return found

    def _write(self, ref: CorpusRef) -> Corpus:
        if ref.folder:
            return Corpus.open(ref.folder)
        folder = self.folder / hashlib.sha256(ref.key.encode()).hexdigest()[:12]
        if ref.sparse:
            return write_sparse(folder, ref.sparse, every=SPARSE_EVERY)
        return write_corpus(folder, msgspec.convert(ref.spec, CorpusSpec))


def digests(folder: Path) -> dict[str, str]:
    """A digest of each file below a folder, by its relative name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): _digest(path) for path in files}


def _digest(path: Path) -> str:
    status = path.stat()
    if status.st_size > LARGE:
        return f"{status.st_size} bytes of {status.st_mtime_ns}"
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
