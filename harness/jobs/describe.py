"""Import a subject and say what it states about itself."""

from __future__ import annotations

from typing import Any

import msgspec

from ...errors import UsageError
from ...loaders.traits import Traits
from ..answers import Described, OptionSheet
from ..subjects import SubjectRef, open_spec
from ..wire import Channel


def work(channel: Channel, subject: dict[str, Any], traits: dict[str, Any], options: dict[str, Any]) -> None:
    """Send one :class:`Described`: the traits that hold under these options and stated traits."""
    ref = msgspec.convert(subject, SubjectRef)
    try:
        channel.send(_describe(ref, traits, options))
    except UsageError as error:
        channel.send(Described(error=str(error)))


def _describe(ref: SubjectRef, traits: dict[str, Any], options: dict[str, Any]) -> Described:
    spec = open_spec(ref)
    # Options of the command line are for whichever subjects know them; brackets are meant here.
    meant = {name: value for name, value in options.items() if name in spec.options}
    chosen = spec.check_options({**meant, **ref.options}, ref.name)
    sheet = {
        name: OptionSheet(option.default, option.meaning, list(option.choices))
        for name, option in spec.options.items()
    }
    held: Traits = spec.traits_with(chosen).replace(traits)
    return Described(
        stated=spec.stated or bool(traits),
        traits=held.stated(),
        options=chosen,
        known=sheet,
        modes=list(spec.modes),
    )
