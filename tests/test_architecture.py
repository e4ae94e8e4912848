"""The house: four rooms on one ground floor, the arrows between them, and what importing costs."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import loadstone
import pytest
from package_files import PACKAGE, ROOMS, dotted, imports, modules

MAY_IMPORT = {
    "errors": (),
    "": ("loaders", "harness.doors"),  # the public names, for type checkers only
    "__main__": ("harness",),
    "loaders": ("errors", "loaders"),
    "reports": ("errors", "reports"),
    "suites": ("errors", "loaders", "reports.document", "suites"),
    "harness": ("", "errors", "loaders", "reports", "suites", "harness"),
}
HEAVY = ("torch", "numpy", "pyarrow", "tiktoken", "rich", "altair", "scipy")
# A judge's sentence stands in its decorator, where users see it too.
SAID_BY_DECORATOR = ("check",)


def allowed(target: str, rules: tuple[str, ...]) -> bool:
    return any(target == rule or (rule and target.startswith(rule + ".")) for rule in rules)


@pytest.mark.parametrize("path", modules(), ids=str)
def test_arrows_point_one_way_and_imports_are_relative(path):
    room = path.parts[0] if len(path.parts) > 1 else dotted(path)
    wrong = [
        f"line {line}: {target or 'the package'}" + ("" if relative else " by its full name")
        for target, relative, line in imports(path)
        if not relative or not allowed(target, MAY_IMPORT[room])
    ]
    assert wrong == []


def test_the_tests_of_the_arrows_see_arrows():
    targets = {target for target, _, _ in imports(Path("harness/child.py"))}
    assert {"harness.wire", "loaders.batch", "harness.jobs.record"} <= targets
    assert not allowed("reports.html", MAY_IMPORT["suites"])
    assert allowed("reports.document", MAY_IMPORT["suites"])
    assert {path.parts[0] for path in modules()} >= set(ROOMS)


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_tests_import_the_installed_name(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    relative = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    assert relative == []


def loaded_after(code: str) -> set[str]:
    """Top-level modules in memory after some code has run in a fresh interpreter."""
    code += "\nimport json, sys\nsys.stdout.write('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    "code",
    [
        "import loadstone",
        "import loadstone.harness.cli",
        "from loadstone.harness.cli import cli\ncli.main(['--help'], standalone_mode=False)",
        "from loadstone.harness.cli import cli\ncli.main(['run', '--help'], standalone_mode=False)",
    ],
)
def test_what_is_only_looked_at_loads_nothing_heavy(code):
    assert loaded_after(code) & set(HEAVY) == set()


def test_a_run_leaves_torch_to_its_children():
    assert (
        loaded_after("import loadstone.harness.run, loadstone.harness.gating_sides") & {"torch", "scipy"}
        == set()
    )


def test_a_public_name_loads_only_what_it_needs():
    assert "torch" not in loaded_after("import loadstone\nloadstone.loader, loadstone.LoaderConfig")


def test_the_public_names():
    assert sorted(loadstone.__all__) == [
        "Corpus", "DevicePrefetcher", "LoaderConfig", "Option", "Traits", "__version__", "check", "loader",
        "parametrize_with_checks",
    ]  # fmt: skip
    for name in loadstone.__all__:
        assert getattr(loadstone, name) is not None
    with pytest.raises(AttributeError, match="Corpsu"):
        _ = loadstone.Corpsu


def undocumented(path: Path) -> list[str]:
    """Public modules, classes and functions of a file that say nothing about themselves."""
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    silent = [] if ast.get_docstring(tree) else [str(path)]
    inside: list[tuple[str, ast.AST]] = [("", tree)]
    while inside:
        prefix, parent = inside.pop()
        for node in ast.iter_child_nodes(parent):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            if node.name.startswith("_") or any(map(says, node.decorator_list)):
                continue
            if not ast.get_docstring(node) and not inherited(path, prefix, node.name):
                silent.append(f"{path}:{node.lineno} {prefix}{node.name}")
            if isinstance(node, ast.ClassDef):
                inside.append((f"{node.name}.", node))
    return silent


def inherited(path: Path, owner: str, name: str) -> bool:
    """Whether a method does what is described where it was first defined."""
    if not owner:
        return False
    found = importlib.import_module(f"loadstone.{dotted(path)}")
    for part in owner.rstrip(".").split("."):
        found = getattr(found, part)
    return bool(inspect.getdoc(getattr(found, name)))


def says(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Name) and called.id in SAID_BY_DECORATOR


@pytest.mark.parametrize("path", modules(), ids=str)
def test_everything_public_says_what_it_is(path):
    assert undocumented(path) == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_folder_of_a_room_is_a_package(room):
    folders = {path.parent for path in (PACKAGE / room).rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []
    assert importlib.import_module(f"loadstone.{room}").__doc__
