"""Which tree of files a subject comes from: two revisions of it run in one interpreter, in two children.

Everything here happens in a child, before foreign code is imported, so that the process it was forked
from has seen neither tree.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import msgspec

from ..errors import SubjectError

PACKAGE = __package__.rpartition(".")[0]
SWAPPED = ("errors", "loaders")  # of our own package: what is tested, and the ground it stands on


class Tree(msgspec.Struct, frozen=True):
    """A folder of files that a subject is loaded from, and from nowhere else.

    Attributes:
        root: the folder.
        cwd: the folder in it that stands for the one the command was called from.
        path: folders in it that come first where modules are searched.
        ours: whether it holds Loadstone itself, whose own loaders are then taken from it.
        title: how it is called in a sentence.
    """

    root: str
    cwd: str
    path: tuple[str, ...] = ()
    ours: bool = False
    title: str = ""


def enter(tree: Tree) -> None:
    """Make this process search the tree first; entering it again changes nothing."""
    if Path.cwd() == Path(tree.cwd) and sys.path[: len(tree.path)] == list(tree.path):
        return
    os.chdir(tree.cwd)
    sys.path[:0] = tree.path
    if tree.ours:
        swap(Path(tree.root))


def swap(root: Path) -> None:
    """Take what our package tests from another tree; the harness stays what it is.

    What was loaded before stays with whoever holds it. Modules asked for from now on are the tree's.
    """
    package = importlib.import_module(PACKAGE)
    whole = tuple(f"{PACKAGE}.{name}" for name in SWAPPED)
    for name in [n for n in sys.modules if n in whole or n.startswith(tuple(f"{w}." for w in whole))]:
        del sys.modules[name]
    for name in SWAPPED:
        file = root / f"{name}.py"
        _load(f"{PACKAGE}.{name}", file if file.is_file() else root / name / "__init__.py")
        setattr(package, name, sys.modules[f"{PACKAGE}.{name}"])
    for public in getattr(package, "_PUBLIC", {}):
        vars(package).pop(public, None)


def _load(name: str, file: Path) -> None:
    if not file.is_file():
        raise SubjectError(f"{file.parent.parent} holds no Loadstone: {file.name} is missing there.")
    folders = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def require_from(tree: Tree, module: ModuleType) -> None:
    """Refuse a module that came from elsewhere, for then the two sides would be the same code.

    Raises:
        SubjectError: it lies outside the tree.
    """
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).resolve().is_relative_to(Path(tree.root).resolve()):
        raise SubjectError(
            f"{module.__name__} was loaded from {file or 'no file'}, not from {tree.title or tree.root}; "
            "an installed copy is found first, so give the subject as path/to/file.py:factory."
        )
