"""The corpora that scenarios ask for: small, exact, and named by what is in them."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..loaders.corpus_writer import CorpusSpec
from ..loaders.counting import PRIME
from .scenario import CorpusRef

MEAN_LENGTH = 60  # tokens in a document of random length


def corpus_of(**fields: Any) -> CorpusRef:
    """A corpus with these fields of :class:`~loadstone.loaders.corpus_writer.CorpusSpec`."""
    return CorpusRef(spec=dataclasses.asdict(CorpusSpec(**fields)))


def random_corpus(tokens: int, val_share: float = 0.0, **fields: Any) -> CorpusRef:
    """A corpus of documents of random length; of kind permutation at most 65,521 positions."""
    tokens = min(tokens, PRIME - 4000)
    spec = CorpusSpec.random(tokens, mean_length=MEAN_LENGTH, val_share=val_share, **fields)
    return CorpusRef(spec=dataclasses.asdict(spec))


def plain_corpus(tokens: int, length: int) -> CorpusRef:
    """A corpus of exactly so many tokens, in documents of one length and a rest."""
    whole, rest = divmod(min(tokens, PRIME), length)
    return corpus_of(documents=(length,) * whole + ((rest,) if rest else ()))
