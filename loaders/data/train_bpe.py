"""Train the byte-level BPE that ships with Loadstone: ``python -m loadstone.loaders.data.train_bpe``.

Needs the extra ``train-bpe`` (the ``tokenizers`` library) and writes ``bpe4k.tiktoken`` beside this
file in tiktoken's own format: on each line a token in base64, a space, its rank. The text is this
Python's standard library, so another Python version gives somewhat other merges; the shipped file
is the one that counts, and nothing at run time trains anew.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from ..library_text import library_text
from ..tokenizer import BPE_FILE, BPE_PATTERN, SPECIAL_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import tokenizers

VOCAB_SIZE = 4096  # special tokens included
CHARACTERS = 12_000_000  # nearly all of it: Python 3.11 has 12.6 million without its tests


def train(texts: Iterable[str], ranks: int = VOCAB_SIZE - len(SPECIAL_NAMES)) -> tokenizers.Tokenizer:
    """Train a BPE of that many ranks, the 256 bytes among them, split by ``BPE_PATTERN``."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(BPE_PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=ranks, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator(texts, trainer)
    return trained


def byte_of_character() -> dict[str, int]:
    """The byte behind each of the 256 printable characters that byte-level BPE writes for bytes.

    Printable Latin-1 stands for itself; the rest, in order, for characters from U+0100 on.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    other = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + i): byte for i, byte in enumerate(other)}


def ranks_of(trained: tokenizers.Tokenizer) -> dict[bytes, int]:
    """Token bytes to rank: the ids of the trained vocabulary, which are in merge order."""
    byte_of = byte_of_character()
    return {bytes(byte_of[c] for c in token): rank for token, rank in trained.get_vocab().items()}


def write_ranks(path: Path, ranks: dict[bytes, int]) -> None:
    """Write ranks in order, one a line, as ``tiktoken.load.load_tiktoken_bpe`` reads them."""
    ordered = sorted(ranks.items(), key=lambda item: item[1])
    path.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ordered))


def main() -> None:
    """Train on the standard library and write the file that ships."""
    ranks = ranks_of(train(library_text(CHARACTERS)))
    write_ranks(BPE_FILE, ranks)
    print(f"{BPE_FILE.name}: {len(ranks)} ranks and {len(SPECIAL_NAMES)} special tokens")


if __name__ == "__main__":
    main()
