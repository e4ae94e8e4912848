"""A token file mapped anew for each batch: nanoGPT's answer to resident memory that grows.

A map that is kept shows every page it ever touched as resident, up to the size of the file. One
that lives for a batch shows a batch's pages. The price is a system call or two a batch and a
page fault for each row, which the throughput table puts a number on. Whoever wants neither the
pages nor the faults needs no map at all: ``access=read``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .contract import LoaderConfig, Option, loader, spec_of
from .token_file import ADVICE, ReadTokens, TokenFile
from .token_streams import ORDER, SEQUENTIAL, RandomWindows, SequentialWindows, open_stream
from .windows import TokenArray

if TYPE_CHECKING:
    from .corpus import Corpus
    from .windows import TokenSpans


ACCESS = Option(
    "map",
    "map: a new map for each batch; read: the file opened and the rows read, without page faults",
    choices=("map", "read"),
)


class RemappedSource:
    """The ids of a token file, (n,), under a new map, or to be read, each time they are asked for."""

    def __init__(self, file: TokenFile, identity: str, access: str, advice: str) -> None:
        self._access, self._advice = access, advice
        self.num_tokens = file.num_tokens
        self.identity = identity
        self._file: TokenFile | None = file

    def tokens(self) -> TokenSpans:
        """A new map, which goes when the caller drops it; or what reads the file."""
        if self._file is None:
            raise ValueError("the loader is closed; open a new one.")
        return TokenArray(self._file.map(self._advice)) if self._access == "map" else ReadTokens(self._file)

    def close(self) -> None:
        """Map no more; nothing is open between batches."""
        self._file = None


@loader(
    reads="tokens",
    order="windows",
    passes="endless",
    targets="shifted",
    joins="flow",
    mask="none",
    shape="fixed",
    short_last=False,
    x_dtype="int64",
    y_dtype="int64",
    batch="fresh",
    rng="own",
    resume="none",
    ranks="sampled",
    workers=False,
    copies="queued",
    holds="buffer",
    options={"order": ORDER, "access": ACCESS, "advice": ADVICE},
    modes={"order=sequential": SEQUENTIAL},
)
def memmap_per_batch(corpus: Corpus, config: LoaderConfig) -> RandomWindows | SequentialWindows:
    """Batches x, y, int64 (B, T), from a token file mapped anew for each.

    Raises:
        UsageError: an option or a value that does not exist.
        DataError: a token file that is missing, empty, malformed or too short.
    """
    spec_of(memmap_per_batch).check_options(config.options, "memmap_per_batch")
    file = TokenFile.of(corpus, config)
    access, advice = config.option("access", ACCESS.default), config.option("advice", ADVICE.default)
    return open_stream(RemappedSource(file, corpus.manifest.fingerprint, access, advice), config)
