"""What a loader is: a factory ``(corpus, config) -> iterable of batches``, and what it promises.

    import loadstone

    @loadstone.loader(reads="tokens", order="windows", targets="shifted", resume="none")
    def my_loader(corpus: loadstone.Corpus, config: loadstone.LoaderConfig):
        ...
        return an iterable of batches (or be a generator function)

On the iterable these are optional, by their usual names: ``__len__``, ``__getitem__``,
``state_dict()``, ``load_state_dict(d)``, ``set_epoch(n)``, ``close()``, ``stats()``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import TraitError, UsageError, did_you_mean
from .traits import Traits, check_names

if TYPE_CHECKING:
    from .corpus import Corpus

MAX_BATCH_TOKENS = 2**28  # a batch of 2 GiB of int64: past it a typo is likelier than a wish
MAX_SEED = 2**32 - 1
SPLITS = ("train", "val")

Factory = Callable[["Corpus", "LoaderConfig"], Iterable[Any]]
F = TypeVar("F", bound=Callable[..., Iterable[Any]])


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LoaderConfig:
    """What every loader is asked for; the same names as in most training scripts.

    Attributes:
        batch_size: B, rows in a batch.
        seq_len: T, tokens in a row.
        seed: base of all randomness; two seeds give two streams.
        epoch: the pass to begin with, which reshuffles where the order is random.
        rank, world_size: which of how many processes this is.
        num_workers: worker processes, for loaders that take them.
        device: where batches are wanted (``"cpu"``, ``"cuda"``...).
        split: ``"train"`` or ``"val"``.
        shuffle: whether a loader that can do both is to shuffle.
        drop_last: whether an incomplete last batch is left out.
        options: values for the names that the loader says it accepts.

    Raises:
        UsageError: a size, a rank or a split that no loader could serve.
    """

    batch_size: int = 4
    seq_len: int = 16
    seed: int = 1337
    epoch: int = 0
    rank: int = 0
    world_size: int = 1
    num_workers: int = 0
    device: str = "cpu"
    split: str = "train"
    shuffle: bool = True
    drop_last: bool = True
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("batch_size", "seq_len", "world_size"):
            _whole_number(name, getattr(self, name), least=1)
        for name in ("seed", "epoch", "rank", "num_workers"):
            _whole_number(name, getattr(self, name), least=0)
        if self.seed > MAX_SEED:
            raise UsageError(
                f"seed {self.seed} is over {MAX_SEED}, the largest that NumPy's global generator takes."
            )
        if self.batch_size * self.seq_len > MAX_BATCH_TOKENS:
            raise UsageError(
                f"a batch of {self.batch_size} x {self.seq_len} tokens is over {MAX_BATCH_TOKENS}; "
                "was a zero too many typed? Take a smaller batch size or sequence length."
            )
        if self.rank >= self.world_size:
            raise UsageError(
                f"rank {self.rank} of {self.world_size} ranks does not exist; ranks count from 0."
            )
        if self.split not in SPLITS:
            raise UsageError(f"there is no split {self.split!r}; {did_you_mean(self.split, SPLITS)}")

    def option(self, name: str, default: Any) -> Any:
        """The option of that name, or the loader's own default."""
        return self.options.get(name, default)

    def replace(self, **changes: Any) -> LoaderConfig:
        """A copy with some fields changed, checked like the original."""
        return dataclasses.replace(self, **changes)

    def plain(self) -> dict[str, Any]:
        """As plain data, for documents and child processes."""
        values = {row.name: getattr(self, row.name) for row in dataclasses.fields(self)}
        return values | {"options": dict(self.options)}


def _whole_number(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{name} must be a whole number of at least {least}, not {value!r}.")


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """A name a loader accepts in ``config.options``: its default, meaning and allowed values."""

    default: Any
    meaning: str = ""
    choices: tuple[Any, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class LoaderSpec:
    """A factory with what it states about itself.

    Attributes:
        traits: what holds by default.
        options: the names it accepts.
        modes: what changes with an option, as ``{"name=value": {trait: value}}``, or with ``name!=value``.
        stated: whether the factory was decorated at all.
    """

    factory: Factory
    traits: Traits = dataclasses.field(default_factory=Traits)
    options: Mapping[str, Option] = dataclasses.field(default_factory=dict)
    modes: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    stated: bool = False

    def traits_with(self, options: Mapping[str, Any]) -> Traits:
        """The traits that hold under these options."""
        traits = self.traits
        for mode, changes in self.modes.items():
            if self._holds(mode, options):
                traits = traits.replace(changes)
        return traits

    def _holds(self, mode: str, options: Mapping[str, Any]) -> bool:
        name, unequal, value = _parts(mode)
        return (str(self._value(name, options)).lower() == value.lower()) != unequal

    def _value(self, name: str, options: Mapping[str, Any]) -> Any:
        default = self.options[name].default if name in self.options else None
        return options.get(name, default)

    def check_options(self, options: Mapping[str, Any], subject: str) -> dict[str, Any]:
        """Options with their values read as their defaults' type.

        Raises:
            UsageError: a name or a value the loader does not accept.
        """
        return {name: self._read(name, value, subject) for name, value in options.items()}

    def _read(self, name: str, value: Any, subject: str) -> Any:
        if name not in self.options:
            raise UsageError(
                f"{subject} accepts no option {name!r}; "
                + did_you_mean(name, self.options, f"options of {subject}")
            )
        known = self.options[name]
        try:
            value = _as_type_of(known.default, value)
        except (TypeError, ValueError):
            kind = type(known.default).__name__
            raise UsageError(f"option {name} of {subject} takes {kind}, not {value!r}.") from None
        if known.choices and value not in known.choices:
            hint = did_you_mean(str(value), map(str, known.choices), "values")
            raise UsageError(f"option {name} of {subject} cannot be {value!r}; {hint}")
        if type(known.default) is int and value < (least := min(1, known.default)):
            raise UsageError(f"option {name} of {subject} must be at least {least}, not {value}.")
        return value


def _parts(mode: str) -> tuple[str, bool, str]:
    """The option of a mode, whether it is to differ from the value, and the value."""
    name, _, value = mode.partition("=")
    return name.removesuffix("!"), name.endswith("!"), value


def _as_type_of(default: Any, value: Any) -> Any:
    """Read a command-line word as the type of the default it replaces.

    Raises:
        ValueError: it cannot be read so, or is a value of another type altogether.
    """
    if default is None or type(value) is type(default):
        return value
    if not isinstance(value, str):
        if isinstance(default, float) and type(value) is int:
            return float(value)
        raise ValueError(value)
    if isinstance(default, bool):
        if value.lower() not in ("true", "false", "yes", "no"):
            raise ValueError(value)
        return value.lower() in ("true", "yes")
    return type(default)(value)


def loader(
    *,
    options: Mapping[str, Any] | None = None,
    modes: Mapping[str, Mapping[str, Any]] | None = None,
    **traits: Any,
) -> Callable[[F], F]:
    """State what a factory promises; the factory itself is returned unchanged.

    Args:
        options: names accepted in ``config.options``, each an :class:`Option` or its default.
        modes: traits that change with an option: ``{"order=sequential": {"passes": "one"}}``; for any value
            but one: ``{"max_tokens!=0": {"loss": "truncation"}}``.
        **traits: any field of :class:`~loadstone.loaders.traits.Traits`.

    Raises:
        TraitError: a trait or a value that does not exist, or a mode of no option.
    """
    check_names(traits)
    stated = Traits(**traits)
    known = {k: v if isinstance(v, Option) else Option(v) for k, v in (options or {}).items()}
    for mode, changes in (modes or {}).items():
        name, _, _ = _parts(mode)
        if name not in known:
            hint = did_you_mean(name, known, "options")
            raise TraitError(f"the mode {mode!r} is of no option this loader accepts; {hint}")
        stated.replace(changes)

    def state(factory: F) -> F:
        spec = LoaderSpec(factory, stated, known, dict(modes or {}), stated=True)
        factory.__loadstone__ = spec  # type: ignore[attr-defined]
        return factory

    return state


def spec_of(factory: Factory) -> LoaderSpec:
    """What a factory states about itself; nothing, for one that was not decorated."""
    spec = getattr(factory, "__loadstone__", None)
    return spec if isinstance(spec, LoaderSpec) else LoaderSpec(factory)
