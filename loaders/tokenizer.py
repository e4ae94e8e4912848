"""Tokenizers, all of them tiktoken encodings: by characters, our own trained BPE, or by name.

The counting corpus uses one character for one token, so a text that went through any number of
hands still says where each token came from. For realistic tokenising speed a byte-level BPE of
3,831 merges, trained on the Python standard library (``loaders/data/train_bpe.py``), is shipped.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .counting import PRIME

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt
    import tiktoken

SPECIAL_NAMES = (
    "<|bos|>", "<|eos|>", "<|pad|>",
    "<|user_start|>", "<|user_end|>",
    "<|assistant_start|>", "<|assistant_end|>",
    "<|system_start|>", "<|system_end|>",
)  # fmt: skip

# Every character a token. No normalisation form, case folding or strip() changes any of these.
ONE_CHARACTER = r"(?s:.)"
_IDEOGRAPHS = ((0x4E00, 0xA000), (0x3400, 0x4DC0), (0x20000, 0x2A6E0))

BPE_FILE = Path(__file__).with_name("data") / "bpe4k.tiktoken"
# The split pattern of nanochat's tokenizer: GPT-4's, with digits in pairs.
BPE_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)


def specials(first: int) -> dict[str, int]:
    """The special tokens, numbered upward from ``first``."""
    return {name: first + i for i, name in enumerate(SPECIAL_NAMES)}


@functools.cache
def _code_points() -> npt.NDArray[np.uint32]:
    """The code point of each of the 65,521 ordinary ids."""
    runs = [np.arange(low, high, dtype=np.uint32) for low, high in _IDEOGRAPHS]
    return np.concatenate(runs)[:PRIME]


def text_of(ids: npt.NDArray[np.integer]) -> str:
    """The text, one character a token, of ordinary ids of the counting corpus."""
    return _code_points()[np.asarray(ids, np.int64)].astype("<u4").tobytes().decode("utf-32-le")


def character_encoding(
    characters: Iterable[str], name: str = "characters", special: dict[str, int] | None = None
) -> tiktoken.Encoding:
    """An encoding in which every one of ``characters`` is one token, numbered in their order.

    >>> character_encoding(sorted(set("hello"))).encode("hello")
    [1, 0, 2, 2, 3]
    """
    import tiktoken

    ranks = {character.encode(): i for i, character in enumerate(characters)}
    return tiktoken.Encoding(name, pat_str=ONE_CHARACTER, mergeable_ranks=ranks, special_tokens=special or {})


@functools.cache
def counting_encoding() -> tiktoken.Encoding:
    """The encoding of the counting corpus: 65,521 characters and the special tokens."""
    points = text_of(np.arange(PRIME))
    return character_encoding(points, "counting", specials(PRIME))


@functools.cache
def bpe_encoding() -> tiktoken.Encoding:
    """The shipped byte-level BPE, special tokens after its ranks (4,096 ids in all)."""
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    ranks = load_tiktoken_bpe(str(BPE_FILE))
    return tiktoken.Encoding(
        "bpe4k",
        pat_str=BPE_PATTERN,
        mergeable_ranks=ranks,
        special_tokens=specials(len(ranks)),
    )


def get_encoding(name: str) -> tiktoken.Encoding:
    """An encoding by name: ``counting``, ``bpe4k``, or any that tiktoken can load.

    tiktoken's own vocabularies are fetched on first use. Where one of them has no role tokens,
    ours are added after its last id, as tiktoken's README describes for extending an encoding.

    Raises:
        DataError: no such encoding, or it cannot be fetched here.
    """
    own = {"counting": counting_encoding, "bpe4k": bpe_encoding}
    if name in own:
        return own[name]()
    import tiktoken

    try:
        base = tiktoken.get_encoding(name)
    except Exception as error:  # tiktoken raises whatever its HTTP client does
        raise DataError(
            f"the tokenizer {name!r} cannot be loaded ({type(error).__name__}); tiktoken fetches "
            "its vocabularies on first use, so check the name and the network, "
            "or take 'bpe4k', which ships with Loadstone."
        ) from error
    missing = [token for token in SPECIAL_NAMES if token not in base._special_tokens]
    added = {token: base.n_vocab + i for i, token in enumerate(missing)}
    return tiktoken.Encoding(
        f"{name}+roles",
        pat_str=base._pat_str,
        mergeable_ranks=base._mergeable_ranks,
        special_tokens={**base._special_tokens, **added},
    )
