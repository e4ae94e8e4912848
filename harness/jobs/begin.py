"""The first batch of a process that does nothing else, with the data in the page cache or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..answers import Begun
from ..evicting import EVICTED, evict_all
from ..wire import Channel
from .opening import first_batch, open_loader


def work(
    channel: Channel,
    subject: dict[str, Any],
    config: dict[str, Any],
    folder: str,
    manifest: dict[str, Any],
    *,
    cold: bool,
) -> None:
    """Send one :class:`Begun`; ``cold`` is after asking the kernel to forget the files."""
    if cold and evict_all(Path(folder)) < EVICTED:
        channel.send(Begun())
        return
    loader, facts = open_loader(subject, config, folder, manifest)
    first_batch(loader, facts)
    channel.send(Begun(facts))
