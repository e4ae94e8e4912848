"""Send batches to a CUDA device in every way there is, in turns, and time it; without one, say so.

Times are those of device events, so they hold neither Python nor the queue before the copy. The
order of the ways is drawn anew each round, and the link's own limit is among them.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

from ...loaders.batch import normalise
from ...suites.transfer_cost import Copied
from ..wire import Channel
from .opening import first_batch, forever, open_loader

if TYPE_CHECKING:
    import torch

NARROW = 1 << 16  # ids below it go as uint16
WARM_UP = 5  # rounds whose times are not kept
NOT_HERE = "not measured: no CUDA device"


def work(
    channel: Channel,
    subject: dict[str, Any],
    config: dict[str, Any],
    folder: str,
    manifest: dict[str, Any],
    batches: int,
    unreadable: str,
) -> None:
    """Send one :class:`Copied`; ``unreadable`` says why the data is not for this subject, if so."""
    from ...suites.throughput import Facts

    if unreadable or not _available():
        told = f"not measured: {unreadable}" if _available() else NOT_HERE
        channel.send(Copied(Facts(reason=told)))
        return
    # Batches as they are on the host: what is compared are the ways from there.
    loader, facts = open_loader(subject, config | {"device": "cpu"}, folder, manifest)
    begun, first = first_batch(loader, facts)
    if loader is None or begun is None:
        channel.send(Copied(facts))
        return
    items = itertools.chain([first], forever(loader, begun))
    pairs = (
        (one.x, one.x if one.y is None else one.y) for one in (normalise(i, config["seq_len"]) for i in items)
    )
    channel.send(measure(Copied(facts), pairs, batches))


def _available() -> bool:
    import torch

    return torch.cuda.is_available()


def measure(copied: Copied, pairs: Any, rounds: int) -> Copied:
    """Fill in the samples of so many rounds; ``pairs`` gives host batches (x, y), int64 (B, T)."""
    import torch

    from .sending import Clock, Limit, Registration, prefetched, timeline, ways

    copied.device = torch.cuda.get_device_name()
    clock, limit, registration = Clock(), Limit(), Registration()
    x, y = (part.to(torch.int64).clone() for part in next(pairs))
    senders, order = ways(x, y), random.Random(0)
    for number in range(WARM_UP + rounds):
        x, y = _like(next(pairs), x, y)
        for sender in order.sample(senders, len(senders)):
            copied.intact &= sender.turn(clock, x, y, keep=number >= WARM_UP)
        if number >= WARM_UP:
            copied.limit_us.append(limit.turn(clock))
            copied.prefetched.append(prefetched(clock, x, y))
            copied.register_us += registration.turn()
    copied.limit_bytes, copied.register_bytes = limit.nbytes, registration.nbytes
    copied.ways = [sender.way for sender in senders]
    copied.spans = timeline(clock, x, y)
    return copied


def _like(pair: Any, x: torch.Tensor, y: torch.Tensor) -> Any:
    """The next batch where it is as large as the ones before and its ids need no more bits; else the last."""
    new_x, new_y = (part.to(x.dtype) for part in pair)
    same = (new_x.shape, new_y.shape) == (x.shape, y.shape)
    return (new_x, new_y) if same and (int(new_x.max()) < NARROW or int(x.max()) >= NARROW) else (x, y)
