"""Rendering a conversation as tokens, with a mask of what the assistant is to learn.

    <|bos|> <|user_start|> content <|user_end|> <|assistant_start|> content <|assistant_end|> ...

Supervised are the assistant's content and its end token: a model must learn to stop, and it is
never asked to say who speaks. Control tokens are put in as numbers and content is encoded without
them, so a content that spells ``<|assistant_start|>`` stays the letters it is made of.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError, did_you_mean
from .joined_tokens import special_id

if TYPE_CHECKING:
    from .corpus import Corpus

ROLES = ("system", "user", "assistant")
SUPERVISED = "assistant"

Rendered = tuple[npt.NDArray[np.unsignedinteger[Any]], npt.NDArray[np.bool_]]


class ChatTemplate:
    """Renders conversations with the tokenizer and the role tokens of a corpus.

    Args:
        max_tokens: a conversation is cut after so many tokens; 0 cuts none.

    Raises:
        DataError: the corpus lacks one of the special tokens.
    """

    def __init__(self, corpus: Corpus, max_tokens: int = 0) -> None:
        self._encode = corpus.tokenizer.encode_ordinary
        self._bos = special_id(corpus, "<|bos|>")
        self._turns = {
            role: (special_id(corpus, f"<|{role}_start|>"), special_id(corpus, f"<|{role}_end|>"))
            for role in ROLES
        }
        self._max_tokens = max_tokens
        self.dtype = np.uint16 if corpus.vocab_size <= 1 << 16 else np.uint32

    def render(self, messages: Any, where: str) -> tuple[Rendered, int]:
        """One conversation as ids, uint16 or uint32 (n,), and mask, bool (n,).

        The mask is in the coordinates of the ids: it says which of them, as a target, counts.

        Args:
            messages: a list of mappings with ``role`` and ``content``; other keys are ignored.
            where: the file and line, for the messages of errors.

        Returns:
            Ids and mask, and how many tokens were cut off.

        Raises:
            DataError: no messages, an unknown role, or content that is missing or no text.
        """
        # An array of C's unsigned int takes a list in at half of what NumPy needs for it.
        ids, learnt = array("I", [self._bos]), []
        for role, content in check_messages(messages, where):
            start, end = self._turns[role]
            ids.append(start)
            first = len(ids)
            ids.fromlist(self._encode(content))
            ids.append(end)
            if role == SUPERVISED:
                learnt.append(slice(first, len(ids)))
        whole = np.frombuffer(ids, np.uintc)
        mask = np.zeros(len(whole), np.bool_)
        for turn in learnt:
            mask[turn] = True
        limit = self._max_tokens or len(whole)
        return (whole[:limit].astype(self.dtype), mask[:limit]), max(0, len(whole) - limit)


def check_messages(messages: Any, where: str) -> list[tuple[str, str]]:
    """Role and content of each message.

    Raises:
        DataError: one sentence with the place, the value and the nearest right one.
    """
    if not isinstance(messages, list) or not messages:
        raise DataError(f"{where}: the conversation has no messages.")
    turns = []
    for number, message in enumerate(messages, 1):
        role, content = (
            (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
        )
        if role not in ROLES:
            hint = did_you_mean(str(role), ROLES, "roles")
            raise DataError(f"{where}: message {number} has the unknown role {role!r}; {hint}")
        if not isinstance(content, str):
            kind = "no content" if content is None else f"content of type {type(content).__name__}"
            raise DataError(f"{where}: message {number} has {kind}; it must be text.")
        turns.append((role, content))
    return turns
