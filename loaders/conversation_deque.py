"""Conversations as one endless stream of tokens, cut into batches whose targets are masked.

The tutorial's idea without its losses: the mask reaches the targets, the token at the cut is
carried over, every batch is memory of its own, and the place in the stream can be saved.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import DataError
from .chat_template import ChatTemplate
from .contract import LoaderConfig, Option, loader, spec_of
from .conversation_piece import Piece, Sides
from .conversations import START, ConversationFiles, Place
from .joined_tokens import JoinedTokens
from .memory import BatchMemory
from .saved_state import State, binding, unbind
from .windows import side_of, to_device

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .corpus import Corpus

IGNORE_INDEX = -100  # what cross_entropy ignores unless told otherwise
Batch = tuple[torch.Tensor, torch.Tensor]


class ConversationStream:
    """The endless stream of one rank: an iterator that goes on wherever it was left.

    Batches are x, int32 (B, T), and y, int64 (B, T), which is x one token on, with
    ``IGNORE_INDEX`` where the target is not to be learnt. They advance by B*T tokens.

    Raises:
        DataError: no such files, or special tokens the corpus lacks; while iterating, what is
            wrong in the files, with the line.
    """

    def __init__(
        self, corpus: Corpus, config: LoaderConfig, max_tokens: int = 0, token_cache: bool = False
    ) -> None:
        self._config = config
        self._files = ConversationFiles(
            corpus.conversation_files(config.split), config.rank, config.world_size
        )
        self._template, self._max_tokens = ChatTemplate(corpus, max_tokens), max_tokens
        self._token_cache = token_cache
        self._cache: Piece | None = None
        self._given = {"batches": 0, "tokens": 0, "supervised": 0, "conversations": 0, "truncated_tokens": 0}
        self._bound = binding(
            "conversation_deque", corpus, config,
            tokenizer=corpus.manifest.tokenizer, max_tokens=max_tokens, bytes=self._files.nbytes,
        )  # fmt: skip
        # One token more than a batch: the input of the first target and the target of the last input.
        self._tokens = config.batch_size * config.seq_len + 1
        self._inputs = BatchMemory(config.device, np.int32)
        self._targets = BatchMemory(config.device, np.int64)
        self._position = self._fresh(config.epoch)
        self._stream: JoinedTokens[Piece] | None = None
        self._counted = 0  # conversations of the piece in hand that stats() knows of

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self._stream is None:
            self._stream = self._open(self._position)
        x, inputs = self._inputs.empty(self._tokens)
        y, targets = self._targets.empty(self._tokens)
        try:
            self._stream.fill((inputs, targets))
        except BaseException:
            self._stream = None  # so that the next try begins at the same place, with the same error
            raise
        piece = self._stream.tag
        assert piece is not None, "the stream has no end"
        at = piece.find(self._stream.offset)
        self._count(piece, at + 1)
        self._given["batches"] += 1
        self._given["tokens"] += self._tokens - 1
        self._given["supervised"] += int(np.count_nonzero(targets[1:] != IGNORE_INDEX))
        offset = self._stream.offset - int(piece.starts[at])
        self._position = {"epoch": piece.epoch, "place": list(piece.places[at]), "offset": offset}
        seq_len, device = self._config.seq_len, self._config.device
        return to_device(side_of(x, seq_len, 0), device), to_device(side_of(y, seq_len, 1), device)

    def _count(self, piece: Piece, begun: int) -> None:
        """Note how many conversations of a piece were begun."""
        self._given["conversations"] += begun - self._counted
        if self._max_tokens:
            self._given["truncated_tokens"] += int(piece.cuts[self._counted : begun].sum())
        self._counted = begun

    def _open(self, position: Mapping[str, Any]) -> JoinedTokens[Piece]:
        pieces = self._pieces(int(position["epoch"]), Place(*position["place"]))
        return JoinedTokens(pieces, int(position["offset"]))

    def _pieces(self, epoch: int, start: Place) -> Iterator[tuple[Piece, Sides]]:
        """Conversations rendered, pass after pass, the first from ``start`` on."""
        for number in itertools.count(epoch):
            place, found = start if number == epoch else START, 0
            for piece in self._pass(place, number):
                self._counted = 0
                yield piece, piece.sides
                self._count(piece, len(piece.places))
                found += 1
            if place == START and not found:
                raise DataError(
                    f"rank {self._config.rank} of {self._config.world_size} gets no conversation from "
                    f"{', '.join(path.name for path in self._files.paths)}; there are too few."
                )

    def _pass(self, start: Place, epoch: int) -> Iterator[Piece]:
        """One pass from a place on: out of the cache in one piece, else a conversation at a time."""
        if self._cache is not None:
            if len((piece := self._cache.behind(start, epoch)).places):
                yield piece
            return
        kept: list[Piece] = []
        for place, messages in self._files.read(start):
            (ids, mask), cut = self._template.render(messages, self._files.where(place))
            targets = np.where(mask, ids, np.int32(IGNORE_INDEX))
            piece = Piece((ids, targets), (place,), np.zeros(1, np.int64), np.array([cut]), epoch)
            if self._token_cache:
                kept.append(piece)
            yield piece
        if kept and start == START:  # only a whole pass can stand for the files
            self._cache = Piece.joined(kept)

    def set_epoch(self, epoch: int) -> None:
        """Begin this pass at the next batch; the order is the same in all of them.

        A restored place in this very epoch is kept, since training scripts set the epoch they
        resume in before they iterate.
        """
        if epoch != self._position["epoch"]:
            self._position, self._stream = self._fresh(epoch), None

    @staticmethod
    def _fresh(epoch: int) -> State:
        return {"epoch": epoch, "place": list(START), "offset": 0}

    def state_dict(self) -> State:
        """The place after the last batch received, plain data that ``json`` can write."""
        return {
            "bound": dict(self._bound),
            **self._position,
            "place": list(self._position["place"]),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved place with the next batch.

        Raises:
            ValueError: the state belongs to other files, shapes, ranks or settings.
        """
        position = unbind(state, self._bound, self._fresh(0))
        self._position = {**position, "place": list(position["place"])}
        self._stream = None

    def stats(self) -> dict[str, int]:
        """Batches, tokens, supervised targets, conversations begun and tokens cut, since the start."""
        return {"epoch": int(self._position["epoch"]), **self._given}

    @property
    def nbytes(self) -> int:
        """Bytes held on purpose: the token cache, else the conversation in hand; and a block of a file."""
        held = self._files.held_bytes if self._stream else 0
        if self._cache is not None:
            return held + sum(side.nbytes for side in self._cache.sides)
        return held + (self._stream.nbytes if self._stream else 0)

    def close(self) -> None:
        """Let go of what is held; batches already given stay as they are."""
        self._stream, self._cache = None, None


def held_bytes(loader: Any) -> int:
    """Bytes the loader holds on purpose."""
    return int(loader.nbytes)


@loader(
    reads="conversations",
    order="sequential",
    passes="endless",
    targets="shifted",
    overlap=1,
    row_overlap=1,
    joins="flow",
    separator="bos",
    loss="none",
    mask="assistant",
    ignore_index=IGNORE_INDEX,
    shape="fixed",
    short_last=False,
    x_dtype="int32",
    y_dtype="int64",
    batch="fresh",
    rng="own",  # it draws nothing
    resume="exact",
    ranks="disjoint",
    rank_batches="may-differ",
    repeats=False,
    workers=False,
    copies="queued",
    holds="buffer",
    buffered=held_bytes,
    options={
        "max_tokens": Option(0, "cut a conversation after so many tokens; 0, the default, cuts none"),
        "token_cache": Option(False, "keep the ids of the first pass, so that later ones tokenise nothing"),
    },
    modes={"token_cache=true": {"holds": "corpus"}, "max_tokens!=0": {"loss": "truncation"}},
)
def conversation_deque(corpus: Corpus, config: LoaderConfig) -> ConversationStream:
    """Conversations with role tokens and masked targets, without end.

    Raises:
        UsageError: an option or a value that does not exist.
        DataError: files that do not exist, or special tokens the corpus lacks.
    """
    chosen = spec_of(conversation_deque).check_options(config.options, "conversation_deque")
    return ConversationStream(corpus, config, chosen.get("max_tokens", 0), chosen.get("token_cache", False))
