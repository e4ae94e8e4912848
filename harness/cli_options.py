"""The options that verbs share, each stated once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several decorators as one, the first of them outermost."""

    def apply(function: F) -> F:
        for decorate in reversed(decorators):
            function = decorate(function)
        return function

    return apply


def complete_subject(context: click.Context, parameter: click.Parameter, word: str) -> list[CompletionItem]:  # noqa: ARG001
    """Names that a shell offers for a subject, or a file of one's own where none begins so."""
    from click.shell_completion import CompletionItem

    from .subjects import KNOWN, plugins

    names = [name for name in (*KNOWN, *plugins()) if name.startswith(word)]
    return [CompletionItem(name) for name in names] or [CompletionItem(word, type="file")]


subjects_argument = click.argument(
    "subjects", nargs=-1, metavar="[SUBJECT]...", shell_complete=complete_subject
)
subject_argument = click.argument("subject", shell_complete=complete_subject)
seed_option = click.option(
    "--seed", type=int, default=1337, show_default=True, help="Base of all randomness."
)
shape_options = options(
    click.option("-B", "--batch-size", type=int, help="Rows in a batch."),
    click.option("-T", "--seq-len", type=int, help="Tokens in a row."),
    seed_option,
)
subject_options = options(
    click.option("--trait", "traits", multiple=True, metavar="NAME=VALUE", help="State a trait."),
    click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="Set an option."),
    click.option("--deadline", type=float, default=20.0, show_default=True,
                 help="Seconds a scenario may take."),
    click.option("--memory-limit", metavar="SIZE", help="Memory a subject may take, such as 2GiB."),
)  # fmt: skip
effort_options = options(
    click.option("--quick", "effort", flag_value="quick", help="Fewer and shorter rounds."),
    click.option("--thorough", "effort", flag_value="thorough", help="More rounds, three batch shapes."),
)
data_options = options(
    click.option("--data", metavar="PATH", help="Measure on a nanoGPT folder, parquet, JSONL or text."),
    click.option("--dtype", help="How the tokens of a .bin are stored, where nothing says so."),
    click.option("--vocab-size", type=int, help="Ids in the vocabulary, where nothing says so."),
    click.option("--device", default="cpu", show_default=True, help="Where batches are wanted."),
)
step_option = click.option(
    "--step-time", type=float, metavar="MS",
    help="Measure feeding too, for an accelerator that computes so many milliseconds on a batch.",
)  # fmt: skip
scaling_option = click.option(
    "--scaling", is_flag=True,
    help="Measure curves too: tokens/s against batch shape, corpus, row groups, buffer and workers.",
)  # fmt: skip
resume_option = click.option(
    "--resume", is_flag=True, help="Go on with an interrupted run in the same folder."
)
folder_option = click.option(
    "-o", "--output", "folder", type=Path, default=Path("loadstone-report"), show_default=True,
    help="Report folder.",
)  # fmt: skip
optional_folder_option = click.option(
    "-o", "--output", "folder", type=Path, help="Write a report folder as well."
)
report_options = options(folder_option, resume_option)
optional_report_options = options(optional_folder_option, resume_option)
colour_option = click.option("--no-color", is_flag=True, help="No colour (NO_COLOR is honoured as well).")
quiet_options = options(
    click.option("--quiet", is_flag=True, help="No progress, no table: only the exit code and the files."),
    colour_option,
)
telling_options = options(
    click.option("--json", "json_file", type=Path, metavar="FILE", help="Write the document there too."),
    click.option("--junit", "junit_file", type=Path, metavar="FILE", help="Write JUnit XML there."),
    quiet_options,
)
gate_options = options(
    click.option("--against", metavar="REV|FILE", default="",
                 help="A revision of this repository, or the stored document of a run."),
    click.option("--against-subject", "other", metavar="SUBJECT", default="",
                 help="Another subject of the same tree instead."),
    click.option("--only", multiple=True, type=click.Choice(["checks", "speed", "leak", "transfer"]),
                 help="Only that."),
    click.option("--limit", "limits", multiple=True, metavar="NAME=SHARE",
                 help="How much worse is allowed, such as speed=3%; also seconds=120."),
    click.option("--base-python", type=Path, metavar="PYTHON",
                 help="Interpreter of the base's own environment, where the dependencies changed."),
    click.option("--prepare", metavar="COMMAND", default="",
                 help="Run in the checked-out base first, such as one that compiles an extension."),
)  # fmt: skip
corpus_options = options(
    click.option("--tokens", type=int, default=60_000, show_default=True, help="Positions, both splits."),
    click.option("--kind", type=click.Choice(["permutation", "keyed", "sparse"]), default="permutation",
                 show_default=True, help="permutation: up to 65,521; keyed: uint32; sparse: huge."),
    click.option("--seed", type=int, default=0, show_default=True, help="Chooses the numbering."),
    click.option("--separators/--no-separators", default=True, show_default=True,
                 help="BOS before documents."),
)  # fmt: skip
history_options = options(
    click.option("--from", "folder", type=Path, default=Path("loadstone-history"), show_default=True,
                 help="Folder of stored results, its path in the branch where one is given."),
    click.option("--branch", default="", metavar="NAME", help="Read them from this git branch."),
    click.option("--add", "added", type=Path, metavar="RUN.json",
                 help="Store this result in the folder first."),
    click.option("-o", "--output", "page", type=Path, metavar="FILE.html", help="Write a page with charts."),
    click.option("--quiet", is_flag=True, help="Print nothing."),
    colour_option,
)  # fmt: skip
