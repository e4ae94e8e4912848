"""Finding subjects: built-in names, plugins, modules and files, with options in brackets."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from pathlib import Path

import pytest
from loadstone.errors import EXIT_USAGE, SubjectError, UsageError
from loadstone.harness.subjects import (
    BUILT_IN,
    FIVE,
    SubjectRef,
    find,
    open_factory,
    plugins,
    select,
    with_options,
)
from refusals import assert_says

CODE = "def make(corpus, config):\n    return []\nclass Kit:\n    made = make\nVALUE = 7\n_hidden = make\n"


@pytest.fixture(autouse=True)
def imports_are_undone(monkeypatch):
    """Opening a factory is a child's work: here its traces are removed."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in ("mine", "user", "acme_loaders"):
        sys.modules.pop(name, None)


@pytest.fixture
def file(tmp_path) -> Path:
    (tmp_path / "mine.py").write_text(CODE, encoding="utf-8")
    return tmp_path / "mine.py"


@pytest.fixture
def plugin(tmp_path, monkeypatch) -> str:
    """A distribution that brings a loader, as pip would have installed it."""
    info = tmp_path / "acme_loaders-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: acme-loaders\nVersion: 2.5\n", encoding="utf-8"
    )
    entries = "[loadstone.loaders]\nacme = acme_loaders:make\nacme_gone = acme_gone.deep:make\n"
    (info / "entry_points.txt").write_text(entries, encoding="utf-8")
    (tmp_path / "acme_loaders.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return "acme"


def said(act) -> str:
    with pytest.raises(UsageError) as caught:
        act()
    assert caught.value.exit_code == EXIT_USAGE
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_name(name):
    ref = find(name)
    assert (ref.name, ref.origin, ref.options) == (name, "built-in", {})
    assert ref.version == importlib.metadata.version("loadstone")
    assert callable(open_factory(ref))


def test_options_stand_in_brackets():
    ref = find(" in_memory[order=sequential, encoding=bpe4k,] ")
    assert ref.name == "in_memory[order=sequential,encoding=bpe4k]"
    assert ref.options == {"order": "sequential", "encoding": "bpe4k"}
    assert find("in_memory[]").name == "in_memory"
    assert find("in_memory[text=a=b]").options == {"text": "a=b"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("in_memory[order=sequential", ["'in_memory[order=sequential'", "name[option=value,...]"]),
        ("in_memory]order[", ["cannot be read"]),
        ("in_memory[a=[1]]", ["cannot be read"]),
        ("", ["the subject ''", "cannot be read"]),
        ("[a=b]", ["cannot be read"]),
        ("in_memory[order]", ["the option 'order' has no value", "write order=value"]),
        ("memmap_persistant", ["no subject 'memmap_persistant'", "did you mean 'memmap_persistent'"]),
        ("textbook.memmap", ["did you mean", "'textbook.memmap_per_batch'"]),
        ("qqq", ["known subjects: ", "path/to/file.py:factory"]),
        ("nowhere.py:make", ["nowhere.py does not exist", "then :factory"]),
        ("some/dir:make", ["some/dir does not exist"]),
        ("package:", ["'package:' lacks a half", "package.module:factory"]),
        (":make", ["lacks a half"]),
    ],
)
def test_a_subject_that_cannot_be_found_is_told_what_to_write(text, parts):
    assert_says(said(lambda: find(text)), *parts)


def test_a_file_is_named_without_its_folders(file):
    ref = find(f"{file}:make")
    assert ref == SubjectRef("mine.py:make", "file", str(file), "make")
    assert open_factory(ref)(None, None) == []
    assert find(f"{file}:make[a=1]").name == "mine.py:make[a=1]"
    assert open_factory(find(f"{file}:Kit.made")).__name__ == "make"


def test_a_file_next_to_us_needs_no_folder(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert find("mine.py:make") == find(f"{file}:make")


def test_a_file_finds_what_lies_beside_it(file):
    (file.parent / "user.py").write_text("from mine import make as loader\n", encoding="utf-8")
    assert open_factory(find(f"{file.parent}/user.py:loader"))(None, None) == []


@pytest.mark.parametrize("suffix", ["", ":"])
def test_a_file_without_a_factory_in_it(file, suffix):
    assert_says(said(lambda: find(f"{file}{suffix}")), "no factory in it", f"write {file}:factory.")


@pytest.mark.parametrize(
    ("content", "attribute", "parts"),
    [
        (CODE, "mak", ["has no 'mak'", "did you mean 'make'"]),
        (CODE, "VALUE", ["mine.py:VALUE is a int, not a factory", "(corpus, config)"]),
        (CODE, "Kit.mode", ["has no 'Kit.mode'"]),
        ("1 +", "make", ["mine.py cannot be imported", "SyntaxError"]),
        ("\0\0", "make", ["mine.py cannot be imported"]),
        ("import qqq_is_not_there", "make", ["ModuleNotFoundError", "qqq_is_not_there", "a missing package"]),
        ("raise RuntimeError('two\\nlines')", "make", ["RuntimeError: two lines", "an error in that file"]),
        ("raise SystemExit(3)", "make", ["SystemExit: 3"]),
    ],
)
def test_a_file_that_cannot_be_opened_says_why(file, content, attribute, parts):
    file.write_text(content, encoding="utf-8")
    assert_says(said(lambda: open_factory(find(f"{file}:{attribute}"))), *parts)


def test_a_file_that_is_no_python(tmp_path):
    (tmp_path / "data.txt").write_text("tokens", encoding="utf-8")
    assert_says(said(lambda: open_factory(find(f"{tmp_path}/data.txt:make"))), "data.txt", "end in .py")


def test_a_module_is_named_as_it_is_written(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    ref = find("mine:make[a=1]")
    assert (ref.name, ref.origin, ref.module, ref.attribute) == ("mine:make[a=1]", "module", "mine", "make")
    assert open_factory(ref)(None, None) == []
    gone = find("qqq_is_not_there.deep:make")
    assert_says(said(lambda: open_factory(gone)), "qqq_is_not_there", "a missing package, perhaps")


def test_a_plugin_is_found_by_its_name(plugin):
    ref = find(plugin)
    assert (ref.name, ref.origin, ref.version) == ("acme", "plugin", "2.5")
    assert open_factory(ref)(None, None) == []
    assert find("acme[depth=2]").options == {"depth": "2"}
    assert find("acme[depth=2]").name == "acme[depth=2]"
    assert_says(said(lambda: find("acmee")), "did you mean 'acme'")


def test_a_plugin_that_cannot_be_imported_says_why(plugin):
    assert set(plugins()) == {"acme", "acme_gone"}
    assert_says(said(lambda: open_factory(find("acme_gone"))), "acme_gone.deep cannot be imported")


def test_a_plugin_does_not_hide_a_built_in(monkeypatch):
    entry = importlib.metadata.EntryPoint("in_memory", "evil:make", "loadstone.loaders")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: (entry,))
    assert find("in_memory").origin == "built-in"
    assert plugins()["in_memory"].version == ""


def test_the_five_unless_others_are_named_and_each_once():
    assert [ref.name for ref in select([])] == list(FIVE)
    twice = select(["in_memory", "parquet_stream", "in_memory"])
    assert [ref.name for ref in twice] == ["in_memory", "parquet_stream"]
    modes = select(["in_memory", "in_memory[order=sequential]"])
    assert [ref.name for ref in modes] == ["in_memory", "in_memory[order=sequential]"]


def test_two_files_of_one_name_are_told_apart(file, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.py").write_text(CODE, encoding="utf-8")
    names = [ref.name for ref in select([f"{file}:make", f"{other}/mine.py:make", f"{file}:Kit.made"])]
    assert names == [f"{file}:make", f"{other}/mine.py:make", "mine.py:Kit.made"]


@pytest.mark.parametrize("text", ["in_memory", "in_memory[order=sequential]", "package.module:make"])
def test_options_may_be_added_to_any_subject(text):
    ref = with_options(find(text), {"reads": "tokens"})
    assert ref.options["reads"] == "tokens"
    assert ref.name.startswith(text.rstrip("]"))
    assert ref.name.endswith("reads=tokens]")
    assert ref.name.count("[") == 1
    with pytest.raises(SubjectError):
        find("nothing.like:")
