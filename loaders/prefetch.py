"""Fetching ahead: one background thread keeps the next batches ready while the consumer computes.

It hides the time of a batch behind the step of the model; it does not shorten it, and a consumer
that computes on the same core gains nothing. The stream is that of the wrapped loader, batch for
batch, and so are its errors, at the same place. Two things are worth knowing:

- **States.** A loader that fetches ahead stands further on than its consumer. So the wrapped
  loader's ``state_dict()`` is called after each batch and kept beside it: one call a batch, in the
  background, and ``depth`` states held. For an offset that is microseconds; for a shuffle buffer
  that lists its rows it grows with the buffer.
- **Global generators.** A loader that draws from Python's, NumPy's or torch's global generator
  draws at moments of its own here. If the consumer draws from the same one (dropout does), neither
  is reproducible any more; give such a loader a generator of its own first.
"""

from __future__ import annotations

import copy
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import UsageError, did_you_mean
from .ahead import Ahead, State, is_sized, take_state
from .contract import Factory, LoaderConfig, loader, spec_of

if TYPE_CHECKING:
    from .corpus import Corpus

KINDS = ("fresh", "until-next", "view")  # the values of the trait ``batch``
JOIN_S = 5.0  # how long a thread is waited for: it ends by itself after the batch it is making


class Prefetch(Ahead):
    """A loader whose next batches are fetched by one background thread.

    ``iter()`` starts the thread; it ends with the pass, with an error, when the iterator is closed
    or dropped (a ``break`` drops it), and with the next ``iter()``, ``set_epoch``,
    ``load_state_dict`` or ``close``. There is one iteration at a time, since the wrapped loader need
    not be safe in two threads. What had been fetched ahead of a consumer that left is lost to a
    loader that would have gone on from there (endless random draws); its state is not.

    ``state_dict``, ``load_state_dict``, ``set_epoch`` and ``len()`` are there if the wrapped loader
    has them; the state is that of the last batch the consumer received. ``stats()`` is not offered,
    for it would count what was fetched. The wrapped loader stays reachable as ``loader``.

    Args:
        loader: any iterable of batches.
        depth: batches kept ready at most, the one in the making included.
        batch: what the loader promises of its batches, as in the trait. One that is not ``fresh``
            is copied before the next is asked for: a batch that is valid only until then would be
            overwritten while it waits, and copying it leaves the loader usable, which refusing it
            would not.

    Raises:
        UsageError: a depth below 1, or no such kind of batch.
    """

    def __new__(cls, loader: Iterable[Any], *_: Any, **__: Any) -> Prefetch:
        """One with a length if the loader has one: ``len()`` and ``bool()`` ask the class."""
        return super().__new__(SizedPrefetch if cls is Prefetch and is_sized(loader) else cls)

    def __init__(self, loader: Iterable[Any], depth: int = 2, batch: str = "fresh") -> None:
        if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
            raise UsageError(f"depth must be a whole number of at least 1, not {depth!r}.")
        if batch not in KINDS:
            raise UsageError(f"there is no kind of batch {batch!r}; {did_you_mean(batch, KINDS, 'kinds')}")
        self.loader, self.depth, self.batch = loader, depth, batch
        self._running: weakref.ref[_Fetching] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Prefetch, (self.loader, self.depth, self.batch)  # a thread does not travel

    def __iter__(self) -> Iterator[Any]:
        self._end()
        items = iter(self.loader)  # here, so that what it raises is raised here
        self._kept = take_state(self.loader)
        ahead = _Fetching(self, items)
        self._running = weakref.ref(ahead)
        return ahead

    def _end(self) -> None:
        """End the iteration that is running, if any, so that this thread alone uses the loader."""
        running = self._running() if self._running is not None else None
        if running is not None:
            running.end("another iter(), set_epoch(), load_state_dict() or close()")
        self._running = None


class SizedPrefetch(Prefetch):
    """A :class:`Prefetch` of a loader that has a length."""

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]


class _Ready:
    """What has been fetched and not yet taken: (batch or None, error or None, state), in order.

    The end of a pass is a StopIteration in the error's place.
    """

    def __init__(self, depth: int) -> None:
        self.depth, self.ended, self.pid = depth, False, os.getpid()
        self.items: deque[tuple[Any, BaseException | None, State]] = deque()
        self.changed = threading.Condition()

    def room(self) -> bool:
        """Wait until there is room for one more; False when nobody wants one."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended or len(self.items) < self.depth)
            return not self.ended

    def put(self, batch: Any, error: BaseException | None, state: State) -> None:
        with self.changed:
            self.items.append((batch, error, state))
            self.changed.notify_all()

    def take(self) -> tuple[Any, BaseException | None, State]:
        with self.changed:
            self.changed.wait_for(lambda: bool(self.items))
            self.changed.notify_all()
            return self.items.popleft()

    def end(self, thread: threading.Thread) -> None:
        """Let the thread go, and wait until it has gone; in a forked child there is none."""
        if os.getpid() != self.pid:
            return
        with self.changed:
            self.ended = True
            self.items.clear()
            self.changed.notify_all()
        if thread is not threading.current_thread():  # garbage is collected in any thread
            thread.join(JOIN_S)


class _Fetching:
    """The iterator. The thread does not hold it, so that dropping it ends the thread."""

    def __init__(self, owner: Prefetch, items: Iterator[Any]) -> None:
        self._owner, self._why = owner, ""
        self._ready = _Ready(owner.depth)
        told = (items, owner.loader, owner.batch != "fresh", self._ready)
        # A daemon, ended by the finalizer at exit too: a held iterator must not keep Python from ending.
        thread = threading.Thread(target=_fetch, args=told, name="loadstone-prefetch", daemon=True)
        self._stop = weakref.finalize(self, self._ready.end, thread)
        thread.start()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self._stop.alive:
            if self._why:
                raise RuntimeError(f"this iteration was ended by {self._why}; go on with a new iter().")
            raise StopIteration
        if os.getpid() != self._ready.pid:
            raise RuntimeError("this iteration was begun before a fork; go on with a new iter() here.")
        batch, error, self._owner._kept = self._ready.take()
        if error is None:
            return batch
        self._stop()
        try:
            raise error
        finally:
            del error  # with its traceback it would hold this frame, and the frame it

    def end(self, why: str) -> None:
        """End it; who asks for more is told why."""
        if self._stop.alive:
            self._why = why
            self._stop()

    def close(self) -> None:
        """End it, as a generator is closed."""
        self._stop()


def _fetch(items: Iterator[Any], loader: Any, copies: bool, ready: _Ready) -> None:
    """The thread: one batch after another while there is room; in the end why there are no more."""
    state = State()
    try:
        while ready.room():
            batch = next(items)
            batch = copied(batch) if copies else batch
            state = take_state(loader)
            ready.put(batch, None, state)
            del batch  # the consumer alone holds it now
    except StopIteration as end:
        ready.put(None, end.with_traceback(None), take_state(loader))
    except BaseException as error:  # noqa: BLE001 - raised anew where the consumer is
        ready.put(None, error, state)


def copied(item: Any) -> Any:
    """A batch of its own memory: arrays, tensors, and the tuples, lists and mappings they stand in."""
    if isinstance(item, Mapping):
        return {name: copied(value) for name, value in item.items()}
    if isinstance(item, list | tuple):
        values = [copied(value) for value in item]
        return type(item)(*values) if hasattr(item, "_fields") else type(item)(values)
    clone = getattr(item, "clone", None)
    return clone() if callable(clone) else copy.deepcopy(item)


def prefetched(factory: Factory, depth: int = 2) -> Callable[[Corpus, LoaderConfig], Prefetch]:
    """A factory of the same loader behind :class:`Prefetch`, with its options and its traits.

    What it declares of its batches is heeded: they are copied unless declared, or taken, as fresh.
    So the promise is ``fresh`` then. ``buffered`` is not carried over, for the thread changes what
    it would count; ``view`` and ``until-next`` in modes become ``fresh`` too.
    """
    spec = spec_of(factory)

    def opened(corpus: Corpus, config: LoaderConfig) -> Prefetch:
        traits = spec.traits_with(config.options)
        return Prefetch(factory(corpus, config), depth, kind(traits.batch, traits.y_batch))

    if not spec.stated:
        return opened
    fresh = {name: "fresh" for name in ("batch", "y_batch") if getattr(spec.traits, name)}
    modes = {
        mode: changes | {name: "fresh" for name in ("batch", "y_batch") if name in changes}
        for mode, changes in ((mode, dict(changes)) for mode, changes in spec.modes.items())
    }
    names = {name: getattr(spec.traits, name) for name in spec.traits.stated() if name != "buffered"}
    return loader(options=spec.options, modes=modes, **(names | fresh))(opened)


def kind(*declared: str | None) -> str:
    """The least lasting of what is declared of x and of y; fresh where nothing is."""
    return max((one for one in declared if one), key=KINDS.index, default="fresh")
