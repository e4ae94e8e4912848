"""A new check, trait, verb, option, exit code or field without its line in the reference fails here."""

from __future__ import annotations

import copy
import inspect
import re
from pathlib import Path

import click
import msgspec
import pytest
from loadstone import errors
from loadstone.harness import reference
from loadstone.harness.cli import cli
from loadstone.loaders.contract import LoaderConfig
from loadstone.loaders.traits import NAMES
from loadstone.reports import document
from loadstone.reports.digest import EXITS
from loadstone.suites.families import REGISTER

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reference.md").read_text("utf-8")


def section(title: str, text: str = PAGE) -> str:
    """What stands under a heading, up to the next of its depth."""
    depth = len(title) - len(title.lstrip("#"))
    found = re.search(rf"^{re.escape(title)}\n(.*?)(?=^#{{1,{depth}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no {title!r} in the reference"
    return found[1]


def rows(text: str) -> dict[str, list[str]]:
    """The rows of the tables in a text by their first cell, backticks taken off."""
    cells = [re.split(r"(?<!\\)\|", line.strip("|")) for line in text.splitlines() if line.startswith("| ")]
    return {cell[0].strip().strip("`"): [one.strip() for one in cell[1:]] for cell in cells}


@pytest.mark.parametrize("verb", cli.commands)
def test_every_verb_and_option_has_its_line_and_says_what_it_does(verb):
    command = cli.commands[verb]
    assert command.help
    told = rows(section(f"### loadstone {verb}"))
    for option in (one for one in command.params if isinstance(one, click.Option)):
        (line,) = [cells for name, cells in told.items() if option.opts[0] in re.split(r"[ ,/]+", name)]
        assert len(line[0]) > 3, f"{verb} {option.opts[0]} says nothing"


def test_every_exit_code_has_its_line_wherever_they_are_told():
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert {int(code) for code in rows(section("## Exit codes")) if code.isdigit()} == codes == set(EXITS)
    assert cli.help is not None
    assert all(re.search(rf"\b{code} ", cli.help) for code in codes)


def test_every_check_has_its_line():
    told = rows(section("## Checks"))
    assert set(REGISTER) <= set(told)
    assert all(len(told[check][0]) > 10 for check in REGISTER)


def test_every_trait_and_setting_of_a_loader_has_its_line():
    told = rows(section("## Traits"))
    assert set(NAMES) <= set(told)
    assert all(told[name][-1] for name in NAMES)
    config = section("## LoaderConfig")
    assert all(re.search(rf"\b{name}\b", config) for name in inspect.signature(LoaderConfig).parameters)


def parts() -> list[type[msgspec.Struct]]:
    """Every part of the document, however deep."""
    named = msgspec.json.schema(document.Document)["$defs"]
    return [getattr(document, name) for name in named]


def silent_fields(part: type[msgspec.Struct], text: str) -> list[str]:
    told = rows(section(f"### {part.__name__}", text))
    return [name for name in part.__struct_fields__ if name not in told]


@pytest.mark.parametrize("part", parts(), ids=lambda part: part.__name__)
def test_every_field_of_the_document_has_its_line(part):
    assert silent_fields(part, PAGE) == []


def test_what_is_new_and_untold_is_seen(monkeypatch):
    class Memory(document.Memory, kw_only=True):
        brand_new: int = 0

    assert silent_fields(Memory, PAGE) == ["brand_new"]
    command = copy.copy(cli.commands["check"])
    command.params = [*command.params, click.Option(["--brand-new"], help="Something.")]
    monkeypatch.setitem(cli.commands, "check", command)
    with pytest.raises(ValueError, match="not enough values"):
        test_every_verb_and_option_has_its_line_and_says_what_it_does("check")
    monkeypatch.setitem(REGISTER, "brand.new", next(iter(REGISTER.values())))
    with pytest.raises(AssertionError):
        test_every_check_has_its_line()
    monkeypatch.setattr(errors, "EXIT_NEW", 77, raising=False)
    with pytest.raises(AssertionError):
        test_every_exit_code_has_its_line_wherever_they_are_told()
    assert reference.reference() != PAGE


def test_every_part_of_the_document_is_among_its_public_names():
    assert {part.__name__ for part in parts()} <= set(document.__all__)
