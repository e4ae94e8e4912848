"""The wheel holds what the tree holds: built from the tracked files alone, without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import loadstone
import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("loaders", "reports", "suites", "harness")
GROUND = ("__init__.py", "__main__.py", "errors.py", "py.typed")
DATA = (".jinja", ".css", ".tiktoken", ".schema.json")
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"


def tracked() -> list[Path]:
    """Files under version control; all that are no leftovers of a run, where there is none."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout:
        return [Path(name) for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    names = [path for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("*")]
    names += ROOT.glob("*")
    return [path.relative_to(ROOT) for path in names if path.is_file() and "__pycache__" not in path.parts]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A copy of the tracked files, so that nothing else can slip in and nothing is left behind."""
    folder = tmp_path_factory.mktemp("source")
    for path in tracked():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    return folder


@pytest.fixture(scope="module")
def wheel(source) -> Path:
    """The wheel, built by the hook that pip calls."""
    out = source / "dist"
    env = os.environ | {"PIP_NO_INDEX": "1"}
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(out)],
        cwd=source,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def held(wheel) -> dict[str, bytes]:
    """What the wheel holds besides its own description, by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}


def expected(source: Path) -> set[str]:
    rooms = {path.relative_to(source) for room in ROOMS for path in (source / room).rglob("*")}
    files = [path for path in rooms if path.name.endswith((".py", *DATA))] + [Path(name) for name in GROUND]
    return {f"loadstone/{path.as_posix()}" for path in files}


def test_the_wheel_holds_the_four_rooms_and_the_ground_and_nothing_else(source, held):
    assert set(held) == expected(source)


def test_every_file_of_a_room_is_of_a_kind_that_ships(source):
    others = [
        str(path.relative_to(source))
        for room in ROOMS
        for path in (source / room).rglob("*")
        if path.is_file() and not path.name.endswith((".py", *DATA))
    ]
    assert others == []  # a new kind of data file belongs in package-data, and in DATA here


def test_what_is_easily_forgotten_is_there(held):
    names = {name.removeprefix("loadstone/") for name in held}
    assert {"py.typed", "loaders/data/bpe4k.tiktoken", "reports/loadstone-1.schema.json"} <= names
    assert any(name.startswith("reports/templates/") and name.endswith(".css") for name in names)
    assert not any(name.startswith(("tests/", "docs/", "examples/")) for name in names)


def test_files_arrive_as_they_are(source, held):
    changed = [
        name for name, data in held.items() if data != (source / name.removeprefix("loadstone/")).read_bytes()
    ]
    assert changed == []


def test_the_packages_are_the_folders(source):
    told = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {path.parent.relative_to(source) for room in ROOMS for path in (source / room).rglob("*.py")}
    assert sorted(told["packages"]) == sorted(
        ["loadstone"] + [f"loadstone.{'.'.join(folder.parts)}" for folder in folders]
    )
    assert [str(folder) for folder in folders if not (source / folder / "__init__.py").is_file()] == []


def test_the_description_agrees_with_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (entries,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        assert "loadstone = loadstone.harness.cli:main" in archive.read(entries).decode()
        assert f"\nVersion: {loadstone.__version__}\n" in archive.read(metadata).decode()
