"""Tokens held in memory: a token file read whole, or text that is encoded here.

The tutorial's first loader: all data as one array, the first nine tenths for training, random
windows or one sequential pass. The array keeps the width of the file (two bytes an id, not the
eight of int64); only the batches are widened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .contract import LoaderConfig, Option, loader, spec_of
from .token_file import TokenFile
from .token_streams import ORDER, SEQUENTIAL, KeptSource, RandomWindows, SequentialWindows, open_stream
from .tokenizer import get_encoding
from .windows import Tokens, check_length

if TYPE_CHECKING:
    from pathlib import Path

    from .corpus import Corpus

TRAIN_SHARE = 0.9  # of the tokens of a text; the rest is validation
CODE_POINTS = 0x110000


def held_bytes(stream: RandomWindows | SequentialWindows) -> int:
    """Bytes of ids that the loader holds on purpose."""
    source = stream.source
    return source.nbytes if isinstance(source, KeptSource) else 0


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
    holds="corpus",
    buffered=held_bytes,
    options={
        "order": ORDER,
        "source": Option(
            "auto",
            "tokens: the token file; text: the text files; auto: text only where there is no token file",
            choices=("auto", "tokens", "text"),
        ),
        "encoding": Option(
            "corpus",
            "how text is encoded: corpus (its own tokenizer), characters (numbered in sorted order), "
            "or the name of a tiktoken encoding",
        ),
    },
    modes={"order=sequential": SEQUENTIAL},
)
def in_memory(corpus: Corpus, config: LoaderConfig) -> RandomWindows | SequentialWindows:
    """Batches x, y, int64 (B, T), from tokens held in memory.

    Raises:
        UsageError: an option or a value that does not exist.
        DataError: data that is missing, malformed, too short, or has ids outside the vocabulary.
    """
    spec_of(in_memory).check_options(config.options, "in_memory")
    wanted = config.option("source", "auto")
    from_text = wanted == "text" or (wanted == "auto" and not corpus.manifest.token_files)
    return open_stream((_read_text if from_text else _read_tokens)(corpus, config), config)


def _read_tokens(corpus: Corpus, config: LoaderConfig) -> KeptSource:
    file = TokenFile.of(corpus, config)
    ids = file.read()
    outside = [int(edge) for edge in (ids.min(), ids.max()) if not 0 <= edge < corpus.vocab_size]
    if outside:
        raise DataError(
            f"{file.path} holds the id {outside[0]}, outside the vocabulary of {corpus.vocab_size}; "
            f"is it really {file.dtype}, and made with this tokenizer?"
        )
    return KeptSource(ids, corpus.manifest.fingerprint)


def _read_text(corpus: Corpus, config: LoaderConfig) -> KeptSource:
    """The tokens of one side of the 90/10 split, made on the whole text's tokens."""
    encoding = config.option("encoding", "corpus")
    text = "".join(_text(path) for path in corpus.text_files())
    ids = encode_characters(text) if encoding == "characters" else _encode(text, encoding, corpus)
    cut = int(TRAIN_SHARE * len(ids))
    # A copy, so that the other side of the split is not held with it.
    part = (ids[:cut] if config.split == "train" else ids[cut:]).copy()
    check_length(len(part), config.seq_len, f"the {config.split!r} part of the text of {corpus.name!r}")
    return KeptSource(part, f"{corpus.manifest.fingerprint}/{encoding}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"the text file {path} does not exist; correct the path.") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.start}); is it another encoding, or no text "
            "at all? Convert it to UTF-8 first."
        ) from error


def _encode(text: str, encoding: str, corpus: Corpus) -> Tokens:
    chosen = corpus.tokenizer if encoding == "corpus" else get_encoding(encoding)
    dtype = np.uint16 if chosen.n_vocab <= 2**16 else np.uint32
    return np.array(chosen.encode_ordinary(text), dtype)


def encode_characters(text: str) -> Tokens:
    """Number each character by its place among the text's own characters, sorted.

    >>> encode_characters("hello").tolist()
    [1, 0, 2, 2, 3]
    """
    points = np.frombuffer(text.encode("utf-32-le"), "<u4")
    present = np.zeros(CODE_POINTS, bool)
    present[points] = True
    place = np.cumsum(present) - 1  # how many smaller characters occur
    ids: Tokens = place.astype(np.uint16 if present.sum() <= 2**16 else np.uint32)[points]
    return ids
