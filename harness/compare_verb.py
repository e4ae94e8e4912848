"""The verb ``compare``: documents of several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError
from ..reports.comparing import compare
from ..reports.comparison import print_comparison, write_comparison
from ..reports.document import load
from ..reports.terminal import make_console

FEWEST = 2


def compare_files(paths: Sequence[Path], folder: Path | None, *, quiet: bool, no_color: bool) -> int:
    """Compare stored documents with the first of them, tell it, and return the exit code.

    Args:
        paths: documents, or report folders, whose ``results.json`` is meant.
        folder: where ``comparison.md`` and ``comparison.html`` are written; None for nowhere.
        quiet: print nothing.
        no_color: plain text even on a terminal.

    Raises:
        DataError: a file that is no document.
        UsageError: fewer than two files, or a folder that cannot be written.
    """
    if len(paths) < FEWEST:
        raise UsageError(
            "compare needs two documents or more, the first being what the others are compared with."
        )
    files = [path / "results.json" if path.is_dir() else path for path in paths]
    comparison = compare([load(file) for file in files], [str(file) for file in files])
    if folder is not None:
        write_comparison(comparison, folder)
    if not quiet:
        print_comparison(comparison, make_console(no_color=no_color))
    return comparison.exit_code
