"""Finding subjects: a built-in name, a plugin, ``package.module:attribute`` or ``file.py:attribute``.

Options may stand in brackets: ``in_memory[order=sequential]``. This module only works out where a
subject lies; importing it is foreign code and happens in a child (:func:`open_factory`).
"""

from __future__ import annotations

import collections
import importlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import msgspec

from ..errors import SubjectError, UsageError, did_you_mean
from ..loaders import contract
from ..loaders.contract import Factory, LoaderSpec
from .trees import Tree, enter, require_from

GROUP = "loadstone.loaders"  # the entry-point group of installed plugins
FIVE = ("in_memory", "memmap_per_batch", "memmap_persistent", "parquet_stream", "conversation_deque")
TEXTBOOK = tuple(f"textbook.{name}" for name in FIVE)
BUILT_IN = FIVE + TEXTBOOK
HELD: dict[str, Factory] = {}  # factories that no name leads to, by key; forks of this process have them
# Adapters of foreign libraries: where the factory lies, and the distributions it needs (its own first).
ADAPTERS = {
    "adapters.torch_map": ("torch_dataloader:map_style", ("torch",)),
    "adapters.torch_iterable": ("torch_dataloader:iterable", ("torch",)),
    "adapters.stateful": ("stateful_dataloader:stateful", ("torchdata",)),
    "adapters.hf_streaming": ("hf_datasets:streaming", ("datasets", "torchdata")),
}
KNOWN = (*BUILT_IN, *ADAPTERS)
_BRACKETS = re.compile(r"^(?P<target>[^\[\]]+)(?:\[(?P<options>[^\[\]]*)\])?$")


class SubjectRef(msgspec.Struct, frozen=True):
    """Where a subject lies.

    Attributes:
        name: as the user gave it, without folders.
        origin: built-in, adapter, plugin, module, file, or object for a factory no name leads to.
        module: dotted module, or the path of a file.
        attribute: the factory in it; the key of an object.
        options: from the brackets, values still words.
        version: of the distribution it comes from, where known.
        tree: the revision it is loaded from, where two of them are compared; else None.
    """

    name: str
    origin: str
    module: str
    attribute: str
    options: dict[str, str] = {}
    version: str = ""
    tree: Tree | None = None


def find(text: str) -> SubjectRef:
    """Work out where a subject lies, without importing it.

    Raises:
        SubjectError: no such name or file.
        UsageError: brackets that cannot be read.
    """
    match = _BRACKETS.match(text.strip())
    if match is None:
        raise UsageError(f"the subject {text!r} cannot be read; write name[option=value,...].")
    target, options = match["target"], _options(text, match["options"] or "")
    if target in BUILT_IN:
        return built_in(target, options)
    if target in ADAPTERS:
        return adapter(target, options)
    if ".py" in target or "/" in target:
        return _file(target, options)
    if ":" in target:
        module, _, attribute = target.partition(":")
        if not module or not attribute:
            raise SubjectError(f"{target!r} lacks a half; write package.module:factory.")
        return SubjectRef(_shown(target, options), "module", module, attribute, options)
    plugin = plugins().get(target)
    if plugin is not None:
        return with_options(plugin, options)
    known = (*KNOWN, *plugins())
    raise SubjectError(
        f"there is no subject {target!r}; {did_you_mean(target, known, 'subjects')} "
        "A loader of your own is given as path/to/file.py:factory or package.module:factory."
    )


def _options(text: str, inner: str) -> dict[str, str]:
    options = {}
    for word in filter(None, (part.strip() for part in inner.split(","))):
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"in {text!r} the option {word!r} has no value; write {word}=value.")
        options[name] = value
    return options


def built_in(name: str, options: dict[str, str] | None = None) -> SubjectRef:
    """One of our own; each is the function of its file's name."""
    module = f"{__package__.rpartition('.')[0]}.loaders.{name}"
    attribute = name.rpartition(".")[2]
    return SubjectRef(
        _shown(name, options), "built-in", module, attribute, options or {}, _version("loadstone")
    )


def adapter(name: str, options: dict[str, str] | None = None) -> SubjectRef:
    """One of our adapters; the version is that of the foreign library."""
    place, (library, *_) = ADAPTERS[name]
    file, _, attribute = place.partition(":")
    module = f"{__package__.rpartition('.')[0]}.loaders.adapters.{file}"
    return SubjectRef(_shown(name, options), "adapter", module, attribute, options or {}, _version(library))


def with_options(ref: SubjectRef, options: dict[str, str]) -> SubjectRef:
    """The same subject under these options besides those it has, and named so."""
    merged = {**ref.options, **options}
    bare = ref.name.partition("[")[0]
    return msgspec.structs.replace(ref, name=_shown(bare, merged), options=merged)


def _shown(name: str, options: dict[str, str] | None) -> str:
    return name + ("[" + ",".join(f"{k}={v}" for k, v in options.items()) + "]" if options else "")


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _file(target: str, options: dict[str, str]) -> SubjectRef:
    path, _, attribute = target.rpartition(":")
    if not path or not attribute:
        named = target.rstrip(":")
        raise SubjectError(f"{target!r} names a file but no factory in it; write {named}:factory.")
    file = Path(path)
    if not file.is_file():
        raise SubjectError(f"{path} does not exist; give the path of a Python file, then :factory.")
    name = _shown(f"{file.name}:{attribute}", options)
    return SubjectRef(name, "file", str(file.absolute()), attribute, options)


def plugins() -> dict[str, SubjectRef]:
    """Installed plugins of the entry-point group ``loadstone.loaders``, by name."""
    found = {}
    for entry in importlib.metadata.entry_points(group=GROUP):
        version = entry.dist.version if entry.dist else ""
        found[entry.name] = SubjectRef(entry.name, "plugin", entry.module, entry.attr, {}, version)
    return found


def select(texts: Sequence[str]) -> list[SubjectRef]:
    """The subjects asked for, the five if none; each once, and each under a name of its own."""
    refs = [find(text) for text in texts] or [built_in(name) for name in FIVE]
    distinct = {msgspec.json.encode(ref): ref for ref in refs}.values()
    names = collections.Counter(ref.name for ref in distinct)
    return [_placed(ref) if names[ref.name] > 1 else ref for ref in distinct]


def _placed(ref: SubjectRef) -> SubjectRef:
    """Named with its folders: another file has the same name."""
    if ref.origin != "file":
        return ref
    return msgspec.structs.replace(ref, name=f"{Path(ref.module).parent}/{ref.name}")


def open_factory(ref: SubjectRef) -> Factory:
    """Import a subject: foreign code, so only ever called in a child.

    Raises:
        SubjectError: it cannot be imported, or is not callable.
    """
    _require_libraries(ref)
    if ref.origin == "object":
        return HELD[ref.attribute]
    sys.dont_write_bytecode = True  # nothing is left beside somebody else's code
    try:
        if ref.tree is not None:
            enter(ref.tree)
        module = _import_file(ref.module) if ref.origin == "file" else _import_module(ref)
    except BaseException as error:
        where = Path(ref.module).name if ref.origin == "file" else ref.module
        hint = "a missing package, perhaps" if isinstance(error, ImportError) else "an error in that file"
        raise SubjectError(
            f"{where} cannot be imported: {type(error).__name__}: {_one_line(error)} ({hint}); "
            "make `python -c 'import ...'` of it work first."
        ) from error
    if ref.tree is not None:
        require_from(ref.tree, module)
    factory = module
    for part in ref.attribute.split("."):
        if not hasattr(factory, part):
            raise SubjectError(
                f"{ref.module} has no {ref.attribute!r}; "
                + did_you_mean(part, [n for n in vars(module) if not n.startswith("_")], "names")
            )
        factory = getattr(factory, part)
    if not callable(factory):
        raise SubjectError(
            f"{ref.name} is a {type(factory).__name__}, not a factory; "
            "give a function (corpus, config) that returns an iterable of batches."
        )
    return factory


def open_spec(ref: SubjectRef) -> LoaderSpec:
    """Import a subject, and what it states about itself, in the words of the tree it comes from."""
    factory = open_factory(ref)
    spec: LoaderSpec = importlib.import_module(contract.__name__).spec_of(factory)
    return spec


def _require_libraries(ref: SubjectRef) -> None:
    """Refuse an adapter whose library is not there, and say what to install."""
    _, libraries = ADAPTERS.get(ref.name.partition("[")[0], ("", ()))
    missing = [name for name in libraries if importlib.util.find_spec(name) is None]
    if ref.origin == "adapter" and missing:
        raise SubjectError(
            f"{ref.name} needs {' and '.join(missing)}, not installed here; "
            "`pip install 'loadstone[adapters]'` brings all that adapters need."
        )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def _import_module(ref: SubjectRef) -> ModuleType:
    """Import a module; one that the user names may lie in the folder the command is run in."""
    if ref.origin == "module":
        sys.path.insert(0, str(Path.cwd()))
    return importlib.import_module(ref.module)


def _import_file(path: str) -> ModuleType:
    """Import a file under its own name, its folder first on the path, as Python runs a script."""
    file = Path(path)
    sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is no Python file (it should end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module
