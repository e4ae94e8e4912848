"""The verb ``new-loader``: a file to fill in, which passes the checks once it is."""

from __future__ import annotations

import importlib.util
import keyword
from pathlib import Path

from ..errors import UsageError
from ..reports.document import write_beside


def write_loader(name: str, folder: Path) -> Path:
    """Write ``NAME.py`` with a loader of that name into a folder, and return its path.

    Raises:
        UsageError: a name that Python or an import would not take, or a file that exists.
    """
    _require_name(name)
    path = folder / f"{name}.py"
    if path.exists():
        raise UsageError(
            f"{path} exists and is left as it is; choose another name, or another folder with -o."
        )
    write_beside(path, loader_source(name, path.name).encode())
    return path


def loader_source(name: str, file: str) -> str:
    """The text of the file."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = FileSystemLoader(Path(__file__).with_name("templates"))
    environment = Environment(loader=folder, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.get_template("new_loader.py.jinja").render(name=name, file=file)


def _require_name(name: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        hint = "".join(letter if letter.isalnum() else "_" for letter in name).strip("_").lower()
        better = hint if hint.isidentifier() and not keyword.iskeyword(hint) else "my_loader"
        raise UsageError(f"{name!r} cannot be the name of a function in Python; write {better}, for example.")
    if importlib.util.find_spec(name) is not None:
        raise UsageError(
            f"a file {name}.py would hide the module {name!r} from whatever stands beside it; "
            f"write {name}_loader, for example."
        )
