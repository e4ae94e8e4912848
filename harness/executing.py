"""From the words of the command line to a finished job: settings, places to write, the run, what is told."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from ..errors import UsageError


class Interrupted(Exception):
    """Ctrl-C, or the end of a time limit, with the sentence that says what was kept."""


def settings_of(given: dict[str, Any], parts: tuple[str, ...]) -> Any:
    """Settings from the words of the command line; raises UsageError for those that are wrong."""
    from ..loaders.traits import parse
    from .settings import Settings
    from .words import memory_size, name_value

    words = dict(given)
    for name in ("json_file", "junit_file", "quiet", "no_color", "scaling"):
        words.pop(name, None)
    return Settings(
        parts=parts,
        traits=tuple(parse(word) for word in words.pop("traits")),
        options=tuple(name_value("--option", word) for word in words.pop("options")),
        memory_limit=memory_size(words.pop("memory_limit")),
        deadline_s=words.pop("deadline"),
        effort=words.pop("effort", None) or "normal",
        command=shlex.join(["loadstone", *sys.argv[1:]]),
        **words,
    )


def measurements(given: dict[str, Any]) -> tuple[str, ...]:
    """What is measured unless something is singled out: feeding and curves only where asked for."""
    scaling = ("scaling",) if given["scaling"] else ()
    feeding = () if given["step_time"] is None else ("feeding",)
    return ("throughput", *scaling, *feeding, "memory", "transfer")


def execute(given: dict[str, Any], parts: tuple[str, ...]) -> NoReturn:
    """Run these parts, tell what came of them, and end with the exit code."""
    from ..reports.progress import Progress
    from .run import Run

    settings = settings_of(given, parts)
    require_places(settings.folder, given)
    with Run(settings) as job:
        try:
            with Progress(job.steps, quiet=given["quiet"]) as progress:
                document = job.execute(progress)
        except KeyboardInterrupt as error:
            raise Interrupted(_kept(job.journal.folder)) from error
        tell(document, settings.folder, given)
    sys.exit(document.exit_code)


def _kept(folder: Path | None) -> str:
    if folder is None:
        return "interrupted; nothing is kept, for there is no report folder."
    return f"interrupted; what was finished is kept in {folder}, and --resume goes on with it."


def execute_gate(given: dict[str, Any]) -> NoReturn:
    """Compare with the base, tell what came of it, also when interrupted, and end with the exit code."""
    from ..reports.gate_markdown import workflow_commands
    from ..reports.progress import Progress
    from .gate_verb import begin, gate_words

    words = gate_words(given)
    settings = settings_of({**given, "effort": given["effort"] or "quick"}, ("checks",))
    require_places(settings.folder, given)
    with begin(settings, words) as job:
        try:
            with Progress(job.steps, quiet=given["quiet"]) as progress:
                document = job.execute(progress)
        except KeyboardInterrupt as error:
            tell(job.document(interrupted=True), settings.folder, given)
            raise Interrupted("interrupted; what was measured is told above and in the files.") from error
        tell(document, settings.folder, given)
    for line in workflow_commands(document):
        click.echo(line)
    sys.exit(document.exit_code)


def require_writable(folder: Path, option: str = "-o") -> None:
    """Refuse a folder that cannot be written, before anything is run; creates nothing.

    Raises:
        UsageError: it, or the nearest folder above it that exists, cannot be written.
    """
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = "is no folder" if not there.is_dir() else "is not writable"
        raise UsageError(
            f"the folder {folder} cannot be written: {there} {why}; choose another with {option}."
        )


def require_places(folder: Path | None, given: dict[str, Any]) -> None:
    """Refuse what cannot be written before there is anything to write."""
    if folder is not None:
        require_writable(folder)
    for option in ("json", "junit"):
        file: Path | None = given[f"{option}_file"]
        if file is not None:
            require_writable(file.parent, f"--{option}")
            if file.is_dir():
                raise UsageError(f"--{option} {file} is a folder; name a file in it.")


def tell(document: Any, folder: Path | None, given: dict[str, Any]) -> None:
    """Write the files asked for, then the table."""
    from ..reports.document import encode, write_beside
    from ..reports.markdown import append_step_summary
    from ..reports.terminal import print_document

    if folder is not None:
        from ..reports.writer import write_report

        write_report(document, folder)
    if given["json_file"]:
        write_beside(given["json_file"], encode(document))
    if given["junit_file"]:
        from ..reports.junit import write_junit

        write_junit(document, given["junit_file"])
    append_step_summary(document)
    if not given["quiet"]:
        print_document(document, no_color=given["no_color"], report=folder)
