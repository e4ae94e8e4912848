"""Take the first batch of a subject and send it as it is."""

from __future__ import annotations

from typing import Any

from ...loaders.batch import normalise
from ..answers import Sample
from ..wire import Channel
from .opening import first_batch, open_loader
from .plain import plain


def work(
    channel: Channel, subject: dict[str, Any], config: dict[str, Any], folder: str, manifest: dict[str, Any]
) -> None:
    """Send one :class:`Sample`."""
    loader, facts = open_loader(subject, config, folder, manifest)
    sample = Sample(facts)
    begun, item = first_batch(loader, facts)
    if begun is not None:
        try:
            batch = normalise(item, config["seq_len"])
        except Exception as error:  # noqa: BLE001 - an array of a strange kind, a mapping that raises
            sample.problem = " ".join(str(error).split())[:300]
        else:
            sample.form, sample.x = batch.form, plain(batch.x)
            sample.y = plain(batch.y) if batch.y is not None else None
            sample.mask = plain(batch.mask) if batch.mask is not None else None
    channel.send(sample)
