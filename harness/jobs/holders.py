"""What holds an object: the container it lies in, and under which name that is known."""

from __future__ import annotations

import gc
import time
import tracemalloc
import types
from collections import deque
from collections.abc import Callable
from typing import Any

Frames = tuple[tuple[str, int], ...]
LEAST = 8  # entries of what something is kept in, one of each generation
PATIENCE_S = 6.0  # of processor time


def holder(line: str, where: Callable[[Frames], str]) -> str:
    """In words, the longest container whose youngest entry was made at that line; empty if none is found."""
    until = time.process_time() + PATIENCE_S
    long = [one for one in gc.get_objects() if type(one) in (list, deque, dict) and len(one) >= LEAST]
    for container in sorted(long, key=len, reverse=True):
        entries = container.values() if type(container) is dict else container
        if _made(next(reversed(entries)), line, where):
            name = _name(container)
            return f"a {type(container).__name__} of {len(container):,}" + (f", {name}" if name else "")
        if time.process_time() > until:
            break
    return ""


def _made(entry: Any, line: str, where: Callable[[Frames], str]) -> bool:
    trace = tracemalloc.get_object_traceback(entry)
    if trace is None and type(entry) is tuple and entry:
        trace = tracemalloc.get_object_traceback(entry[0])
    return trace is not None and where(tuple((f.filename, f.lineno) for f in reversed(trace))) == line


def _name(container: Any) -> str:
    """An attribute, a global or a local that is this container."""
    for referrer in gc.get_referrers(container):
        if isinstance(referrer, types.FrameType):
            continue
        held = referrer if type(referrer) is dict else getattr(referrer, "__dict__", None)
        if not isinstance(held, dict):
            continue
        name = next((key for key, value in list(held.items()) if value is container), None)
        if name is None:
            continue
        if held is not referrer:
            return f"{type(referrer).__name__}.{name}"
        if "__name__" in held and "__builtins__" in held:
            return f"{held['__name__']}.{name}"
        owner = next((one for one in gc.get_referrers(held) if getattr(one, "__dict__", None) is held), None)
        return f"{type(owner).__name__}.{name}" if owner is not None else str(name)
    return ""
