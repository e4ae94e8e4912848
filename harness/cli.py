"""The command line: verbs and their options. Nothing heavy is imported before a verb runs."""

from __future__ import annotations

import contextlib
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import click

from ..errors import EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, LoadstoneError, UsageError
from .cli_group import CONTEXT, Verbs, show_versions
from .cli_options import (
    colour_option,
    corpus_options,
    data_options,
    effort_options,
    folder_option,
    gate_options,
    history_options,
    optional_folder_option,
    optional_report_options,
    options,
    quiet_options,
    report_options,
    scaling_option,
    seed_option,
    shape_options,
    step_option,
    subject_argument,
    subject_options,
    subjects_argument,
    telling_options,
)
from .executing import (
    Interrupted,
    execute,
    execute_gate,
    measurements,
    require_places,
    require_writable,
    settings_of,
    tell,
)


@click.group(cls=Verbs, context_settings=CONTEXT)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=show_versions,
              help="This version, and those of what matters.")  # fmt: skip
def cli() -> None:
    """Is an LLM training data loader right, fast, leak-free, and intact on the GPU?

    SUBJECT is a built-in name, an installed plugin, package.module:factory or path/file.py:factory,
    with options in brackets where it has any: in_memory[order=sequential].

    \b
    Exit codes: 0 all well, 1 a check failed, a leak was found or a loader regressed, 2 interrupted,
    3 our own error, 4 wrong usage, 5 nothing selected, 10 unknown, inconclusive or not comparable.
    """  # noqa: D301 - click reads \b as "do not wrap", so it must be the character


@cli.command("list")
@colour_option
def list_subjects(no_color: bool) -> None:
    """Every subject known, with its origin, version, or why it is unavailable."""
    from .listing import print_subjects

    print_subjects(no_color=no_color)


@cli.command()
@subjects_argument
@options(
    shape_options, subject_options, data_options, effort_options, step_option, scaling_option, report_options,
    telling_options,
)  # fmt: skip
@click.option("--only", multiple=True, metavar="ID", help="Checks or families to ask.")
def run(**given: Any) -> NoReturn:
    """The main job: checks, measurements and a report (all five by default)."""
    execute(given, ("checks", *measurements(given)))


@cli.command()
@subjects_argument
@options(shape_options, subject_options, optional_report_options, telling_options)
@click.option("--only", multiple=True, metavar="ID", help="Checks or families to ask.")
def check(**given: Any) -> NoReturn:
    """Correctness only."""
    execute(given, ("checks",))


@cli.command()
@subjects_argument
@options(
    shape_options, subject_options, data_options, effort_options, step_option, scaling_option,
    optional_report_options, telling_options,
)  # fmt: skip
@click.option("--only", "part", type=click.Choice(["throughput", "scaling", "feeding", "memory", "transfer"]),
              help="Only that.")  # fmt: skip
def bench(part: str | None, **given: Any) -> NoReturn:
    """Measurements only."""
    curves = ("scaling",) if given["scaling"] and part != "scaling" else ()
    execute(given, (part, *curves) if part else measurements(given))


@cli.command()
@subject_argument
@options(shape_options, subject_options, data_options)
@click.option("--rows", type=click.IntRange(1, 64), default=4, show_default=True, help="Rows shown.")
@colour_option
def show(**given: Any) -> None:
    """The first rows of a batch: x over y, ids and text, the mask coloured."""
    from .showing import show_batch

    rows, no_color, subject = given.pop("rows"), given.pop("no_color"), given.pop("subject")
    settings = settings_of({**given, "subjects": (subject,)}, ())
    show_batch(settings, rows=rows, no_color=no_color)


@cli.command()
@subject_argument
@options(shape_options, subject_options)
@colour_option
def describe(subject: str, no_color: bool, **given: Any) -> NoReturn:
    """What this loader does: its traits inferred from its behaviour, beside those it states."""
    from .describing import describe as describe_subject

    settings = settings_of({**given, "subjects": (subject,)}, ())
    sys.exit(describe_subject(settings, no_color=no_color))


@cli.command()
@click.argument("entries", nargs=-1, metavar="[NAME]...")
@click.option("-o", "--output", "folder", type=Path, help="Write the whole matrix there, as museum.md.")
@seed_option
@quiet_options
def museum(entries: tuple[str, ...], **given: Any) -> NoReturn:
    """Run every defective loader; each must be caught by the check it names."""
    from .museum import run_museum

    folder = given["folder"]
    if folder is not None:
        require_writable(folder)
    sys.exit(run_museum(entries, **given))


@cli.command()
@click.argument("documents", nargs=-1, type=Path, metavar="A.json B.json...")
@click.option("-o", "--output", "folder", type=Path, help="Write comparison.md and comparison.html there.")
@quiet_options
def compare(documents: tuple[Path, ...], folder: Path | None, **given: Any) -> NoReturn:
    """Runs side by side, differences first; ends with 1 where something got worse than in A."""
    from .compare_verb import compare_files

    if folder is not None:
        require_writable(folder)
    sys.exit(compare_files(documents, folder, **given))


@cli.command()
@click.argument("document", type=Path, metavar="RUN.json")
@options(telling_options)
@folder_option
def report(document: Path, folder: Path, **given: Any) -> NoReturn:
    """Render a stored document again."""
    from ..reports.document import load

    loaded = load(document)
    require_places(folder, given)
    tell(loaded, folder, given)
    sys.exit(loaded.exit_code)


@cli.command("new-loader")
@click.argument("name")
@click.option("-o", "--output", "folder", type=Path, default=Path(),
              help="Folder; the current one unless given.")  # fmt: skip
def new_loader(name: str, folder: Path) -> None:
    """Write NAME.py, a loader to fill in: it passes the checks once it is."""
    from .new_loader import write_loader

    path = write_loader(name, folder)
    click.echo(f"{path} is there; fill in batch_at, then: loadstone check {path}:{name}")


@cli.command()
@click.argument("folder", type=Path)
@corpus_options
def corpus(folder: Path, tokens: int, kind: str, seed: int, separators: bool) -> None:
    """Write the counting corpus in all formats."""
    from .corpus_verb import write

    for line in write(folder, tokens, kind, seed, separators):
        click.echo(line)


@cli.command()
@subjects_argument
@gate_options
@options(shape_options, subject_options, data_options, effort_options, telling_options)
@optional_folder_option
def gate(**given: Any) -> NoReturn:
    """Stop a regression: SUBJECT of the working tree against another revision, run by run in turns.

    \b
    Exit codes: 0 nothing regressed, 1 regressed, 10 inconclusive or not comparable.
    """  # noqa: D301 - see above
    execute_gate(given)


@cli.command()
@click.argument("subjects", nargs=-1, metavar="[SUBJECT]...")
@history_options
def history(subjects: tuple[str, ...], folder: Path, added: Path | None, **given: Any) -> None:
    """The series of past results, and the commits at which it changed its level."""
    from .history import show, store

    if added is not None:
        if given["branch"]:
            raise UsageError("--add stores in a folder; commit that folder to the branch, and omit --branch.")
        store(added, folder)
    show(folder, subjects, **given)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Entry point: every way out has its exit code, and bad input is one sentence."""
    with contextlib.suppress(ValueError):  # only the main thread may; a time limit sends SIGTERM
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cli.main(arguments, prog_name="loadstone", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(EXIT_USAGE)
    except click.exceptions.Exit as left:
        sys.exit(left.exit_code)
    except Interrupted as error:
        _say(str(error))
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        _say(error.format_message())
        sys.exit(EXIT_USAGE)
    except LoadstoneError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except Exception:  # noqa: BLE001 - the last line of defence, with the trace for a report
        traceback.print_exc()
        _say("this is Loadstone's own error; please report it with the lines above.")
        sys.exit(EXIT_INTERNAL)
    sys.exit(EXIT_OK)


def _say(sentence: str) -> None:
    click.echo(f"loadstone: {' '.join(sentence.split())}", err=True)
