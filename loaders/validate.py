"""Checking files that others made before any loader reads them; parquet is next door.

Every check names the file, the value that is wrong and where it stands, the likely cause and what
to do, on one line. All of it is really read, in pieces: a broken last line is found here and not
after an hour of training.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ..errors import DataError, UsageError, did_you_mean
from .traits import INTEGER_DTYPES

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

KNOWN_ROLES = ("user", "assistant", "system")
CHUNK = 1 << 22  # ids or bytes read at a time
MAX_LIKELY_ID = 1 << 21  # no tokenizer has so many; wider ids are two narrow ones read as one
LLMC_MAGIC = np.array([20240520, 1], "<i4").tobytes()  # how the token files of llm.c begin


class _Turn(msgspec.Struct):
    role: str
    content: str


class _Conversation(msgspec.Struct):
    messages: list[_Turn]


def token_dtype(name: str) -> np.dtype[Any]:
    """The dtype of that name.

    Raises:
        UsageError: it is no integer dtype.
    """
    if name not in INTEGER_DTYPES:
        hint = did_you_mean(name, INTEGER_DTYPES, "dtypes")
        raise UsageError(f"there is no token dtype {name!r}; {hint}")
    return np.dtype(name)


def require_bytes(path: Path) -> int:
    """Size of a file, in bytes.

    Raises:
        DataError: it is empty.
    """
    size = path.stat().st_size
    if not size:
        raise DataError(f"{path} is empty; did the run that was to write it break off? Write it again.")
    return size


def count_tokens(path: Path, dtype: np.dtype[Any]) -> int:
    """Ids in a raw token file, told from its size.

    Raises:
        DataError: an empty file, one that is no whole number of ids, or one with a header.
    """
    size = require_bytes(path)
    if size % dtype.itemsize:
        raise DataError(
            f"{path} has {size} bytes, which is no whole number of {dtype} ids ({dtype.itemsize} bytes "
            "each); was it cut short, or is it of another dtype? Say which with --dtype."
        )
    with path.open("rb") as file:
        if file.read(len(LLMC_MAGIC)) == LLMC_MAGIC:
            raise DataError(
                f"{path} begins with the 1024-byte header of llm.c's token files, not with ids; "
                "write it without the header (`tail -c +1025`)."
            )
    return size // dtype.itemsize


def largest_id(path: Path, dtype: np.dtype[Any], vocab_size: int | None, stated: bool) -> int:
    """The largest id in a raw token file, found by reading all of it in chunks.

    Args:
        path: the file.
        dtype: width of one id.
        vocab_size: the vocabulary that every id must lie in, where it is known.
        stated: whether the user stated the dtype, so that a guess of ours need not be doubted.

    Raises:
        DataError: an id outside the vocabulary, or ids that look like another dtype's.
    """
    largest = done = 0
    limit = vocab_size or MAX_LIKELY_ID
    with path.open("rb") as file:
        while len(ids := np.fromfile(file, dtype, CHUNK)):
            if not done and not stated:
                _doubt_width(path, ids)
            if int(ids.min()) < 0 or int(ids.max()) >= limit:
                index = int(np.flatnonzero((ids < 0) | (ids >= limit))[0])
                raise _outside(path, int(ids[index]), f"index {done + index}", vocab_size, str(dtype))
            largest = max(largest, int(ids.max()))
            done += len(ids)
    return largest


def _doubt_width(path: Path, ids: np.ndarray[Any, Any]) -> None:
    """Refuse 16-bit ids of which every second one is next to nothing: high halves of 32-bit ids."""
    low, high = ids[0::2], ids[1::2]
    if ids.dtype == np.uint16 and len(ids) >= 64 and int(high.max()) < 4 < int(low.max()):
        raise DataError(
            f"in {path} every second uint16 id is below 4, as if 32-bit ids were read in halves; "
            "say --dtype uint32, or --dtype uint16 if it is right."
        )


def _outside(path: Path, value: int, where: str, vocab_size: int | None, dtype: str) -> DataError:
    if vocab_size is None:
        return DataError(
            f"{path} holds the id {value} at {where}, which no tokenizer has; it is probably not "
            f"{dtype}: say which with --dtype, or give --vocab-size if it is right."
        )
    return DataError(
        f"{path} holds the id {value} at {where}, outside the vocabulary of {vocab_size} (0 to "
        f"{vocab_size - 1}); is it of another dtype than {dtype}, or made with another tokenizer? "
        "Correct --dtype or --vocab-size."
    )


def check_text(path: Path) -> None:
    """Read a file as UTF-8 text.

    Raises:
        DataError: it is empty or not UTF-8.
    """
    require_bytes(path)
    decoder, done = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as file:
        while True:
            part = file.read(CHUNK)
            held = len(decoder.getstate()[0])  # bytes of a character cut by the chunk before
            try:
                decoder.decode(part, final=not part)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path} is not UTF-8 text (at byte {done - held + error.start}); is it binary, or in "
                    "another encoding? Convert it to UTF-8, or give it the suffix of what it is."
                ) from None
            if not part:
                return
            done += len(part)


def check_conversations(path: Path) -> int:
    """Read a JSONL file of conversations, one ``{"messages": [{"role", "content"}, ...]}`` a line.

    Returns:
        how many conversations it holds; keys that are not needed are ignored.

    Raises:
        DataError: an empty file, or a line that is no such conversation, named by its number.
    """
    require_bytes(path)
    decoder, number = msgspec.json.Decoder(_Conversation), 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode("utf-8")
                messages = decoder.decode(line).messages
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise DataError(f"line {number} of {path} {_broken(line, error)}") from None
            if not messages:
                raise DataError(
                    f"line {number} of {path} is a conversation with no messages; remove the line or fill it."
                )
            for turn in messages:
                check_role(turn.role, f"line {number} of {path}")
    return number


def check_role(role: str, where: str) -> None:
    """Raise :class:`DataError` for a role that has no tokens of its own."""
    if role not in KNOWN_ROLES:
        hint = did_you_mean(role, KNOWN_ROLES, "roles")
        raise DataError(f"{where} has the unknown role {role!r}; {hint}")


def _broken(line: bytes, error: Exception) -> str:
    """What is wrong with a line, after its number and file."""
    wanted = "each line must be one object with 'messages', a list of objects with 'role' and 'content'."
    if not line.strip():
        return f"is empty; remove it: {wanted}"
    if isinstance(error, UnicodeDecodeError):
        return f"is not UTF-8 (at byte {error.start} of the line); convert the file to UTF-8."
    if not isinstance(error, msgspec.ValidationError):
        return f"is not JSON ({error}); was the file cut short or pretty-printed? {wanted.capitalize()}"
    value = msgspec.json.decode(line)
    if isinstance(value, dict) and "messages" not in value:
        keys = ", ".join(value) or "no key at all"
        return f"has no 'messages' but {keys}; {wanted}"
    return f"is no conversation ({error}); {wanted}"
