"""Ask torch whether a device is there, by putting something on it."""

from __future__ import annotations

from ..answers import Found
from ..wire import Channel


def work(channel: Channel, device: str) -> None:
    """Send one :class:`Found`."""
    import torch

    try:
        torch.empty(1, device=device).cpu()
    except Exception as error:  # noqa: BLE001 - each kind of device has its own way to be absent
        channel.send(Found(" ".join(str(error).split())[:200] or type(error).__name__))
    else:
        channel.send(Found())
