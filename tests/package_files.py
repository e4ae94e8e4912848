"""The files of the package, as the tests of its shape look at them."""

from __future__ import annotations

import ast
from pathlib import Path

import loadstone

PACKAGE = Path(loadstone.__file__).parent
ROOMS = ("loaders", "reports", "suites", "harness")
GROUND = ("__init__.py", "__main__.py", "errors.py")


def modules() -> list[Path]:
    """Every Python file of the four rooms and the ground floor, relative to the package."""
    rooms = [path for room in ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))]
    return [Path(name) for name in GROUND] + [path.relative_to(PACKAGE) for path in rooms]


def dotted(path: Path) -> str:
    """The module's name below the package: ``loaders.corpus``, and ``""`` for the package itself."""
    parts = list(path.with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> list[tuple[str, bool, int]]:
    """What a file imports of this package: the module below it, whether relatively, and the line."""
    found = []
    for node in ast.walk(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(_ours(name.name), False, node.lineno) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            relative = node.level > 0
            assert node.level <= len(path.parts), f"{path}:{node.lineno} reaches out of the package"
            base = ".".join(path.parts[: -node.level]) if relative else _ours(node.module or "")
            if relative and node.module:
                base = f"{base}.{node.module}".strip(".")
            found += [(_module(base, name.name), relative, node.lineno) for name in node.names]
    return [(target, relative, line) for target, relative, line in found if target is not None]


def _ours(name: str) -> str | None:
    """A full name as one below the package; None for other packages."""
    first, _, rest = name.partition(".")
    return rest if first == loadstone.__name__ else None


def _module(base: str | None, name: str) -> str | None:
    """The module that ``from base import name`` loads: ``name`` itself where that is a module."""
    if base is None:
        return None
    place = PACKAGE.joinpath(*base.split(".")) if base else PACKAGE
    inner = (place / f"{name}.py").is_file() or (place / name / "__init__.py").is_file()
    return f"{base}.{name}".strip(".") if inner else base
