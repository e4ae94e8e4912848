"""The verb ``corpus``: write a counting corpus and say what lies where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import UsageError
from ..loaders.corpus_writer import CorpusSpec, write_corpus
from ..loaders.sparse_corpus import write_sparse


def write(folder: Path, tokens: int, kind: str, seed: int, separators: bool) -> Iterator[str]:
    """Write the corpus; lines that say what was written.

    Raises:
        UsageError: too few or too many tokens, or a folder that cannot be written.
    """
    if tokens < 1:
        raise UsageError(f"--tokens must be at least 1, not {tokens}.")
    try:
        if kind == "sparse":
            made = write_sparse(folder, tokens)
        else:
            spec = CorpusSpec.random(tokens, seed=seed, kind=kind, separators=separators)
            made = write_corpus(folder, spec)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}; choose another folder.") from error
    yield f"{made.name} in {folder}"
    for split in ("train", "val"):
        if made.num_tokens(split):
            documents = len(made.manifest.documents.get(split, []))
            yield f"  {split}: {made.num_tokens(split):,} tokens in {documents:,} documents"
    yield f"  holds: {', '.join(made.reads())}; read it with `--data {folder}`"
