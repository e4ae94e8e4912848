"""A token file mapped once and kept: the simple way to read more than fits into memory.

Starting costs the same for any size of file. What grows as batches are drawn is the page cache
(file-backed resident memory, which the kernel takes back when it is needed), and that is no leak;
``memmap_per_batch`` is the loader for those who do not want to see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .contract import LoaderConfig, loader, spec_of
from .token_file import ADVICE, TokenFile
from .token_streams import ORDER, SEQUENTIAL, KeptSource, RandomWindows, SequentialWindows, open_stream

if TYPE_CHECKING:
    from .corpus import Corpus


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
    options={"order": ORDER, "advice": ADVICE},
    modes={"order=sequential": SEQUENTIAL},
)
def memmap_persistent(corpus: Corpus, config: LoaderConfig) -> RandomWindows | SequentialWindows:
    """Batches x, y, int64 (B, T), from a token file mapped once.

    Raises:
        UsageError: an option or a value that does not exist.
        DataError: a token file that is missing, empty, malformed or too short.
    """
    spec_of(memmap_persistent).check_options(config.options, "memmap_persistent")
    file = TokenFile.of(corpus, config)
    advice = config.option("advice", ADVICE.default)
    return open_stream(KeptSource(file.map(advice), corpus.manifest.fingerprint), config)
