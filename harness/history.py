"""``loadstone history``: stored results as a series, with the commits at which its level changed.

Results are files: ``<created>-<commit>.json`` in a folder, or in a folder of a git branch, which may
hold nothing else and need not be checked out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from ..errors import DataError, NothingSelectedError, UsageError
from ..reports.document import Document, decode, load, write_beside
from ..reports.history import Change, Result, Series, print_history, render_history
from ..reports.terminal import make_console
from ..suites.history import change_points, level_change
from .revisions import git, repository

_NAME = re.compile(r"-(?P<commit>[0-9a-f]{7,40})\.json$")
SHORT = 10


def store(document: Path, folder: Path) -> Path:
    """Keep a result in a folder, under its time and the commit it is of; returns the new file.

    Raises:
        DataError: no document.
        UsageError: the folder cannot be written.
    """
    loaded = load(document)
    commit = loaded.gate.head.commit if loaded.gate is not None else _commit_here()
    stamp = re.sub(r"[^0-9T]", "-", loaded.created[:19])
    name = f"{stamp}-{commit[:SHORT]}.json" if commit else f"{stamp}.json"
    write_beside(folder / name, document.read_bytes())
    return folder / name


def _commit_here() -> str:
    try:
        return git(repository(Path.cwd()), "rev-parse", "HEAD")
    except UsageError:
        return ""


def read(folder: Path, branch: str = "") -> Iterator[tuple[str, Document]]:
    """Every result with its commit; what is no document of ours is passed over.

    Raises:
        UsageError: no such folder or branch.
    """
    for name, data in _files(folder, branch):
        match = _NAME.search(name)
        try:
            document = decode(data, name)
        except DataError:
            continue
        known = document.gate.head.commit if document.gate is not None else ""
        yield (match["commit"] if match else known)[:SHORT], document


def _files(folder: Path, branch: str) -> Iterator[tuple[str, bytes]]:
    if not branch:
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder; give the one that holds the results.")
        for path in sorted(folder.rglob("*.json")):
            yield path.name, path.read_bytes()
        return
    top = repository(Path.cwd())
    for name in git(top, "ls-tree", "-r", "--name-only", "--full-tree", branch).splitlines():
        inside = PurePosixPath(name)
        if inside.suffix == ".json" and inside.is_relative_to(PurePosixPath(folder.as_posix())):
            yield inside.name, git(top, "show", f"{branch}:{name}").encode()


def all_series(results: Iterator[tuple[str, Document]], names: Sequence[str] = ()) -> list[Series]:
    """One series for each loader, shape, unit and machine, its changes marked.

    Rates are told as shares of the copy limit of the same run wherever that was measured, so that a
    machine that got slower is not taken for a loader that did.
    """
    found: dict[tuple[str, str, str], list[Result]] = {}
    for commit, document in sorted(results, key=lambda one: one[1].created):
        machine = json.dumps(document.machine.identity, sort_keys=True)
        for name, unit, value in _numbers(document):
            if not names or name.partition(" ")[0] in names:
                result = Result(document.created, commit, value)
                found.setdefault((name, unit, machine), []).append(result)
    return [_marked(Series(*key, results)) for key, results in sorted(found.items())]


def _numbers(document: Document) -> Iterator[tuple[str, str, float]]:
    for subject in document.subjects:
        for row in subject.throughput:
            name = f"{subject.name} {row.batch_size} x {row.seq_len}"
            if row.struck_by or not row.tokens_per_s:
                continue
            if row.limit_share:
                yield name, "of the copy limit", row.limit_share
            else:
                yield name, "tokens/s", row.tokens_per_s
    for line in document.gate.rows if document.gate is not None else []:
        if line.measure == "speed" and line.unit == "us/token" and line.head:
            yield f"{line.subject} (gated)", "tokens/s", 1e6 / line.head


def _marked(series: Series) -> Series:
    values = series.values
    places = change_points(values)
    ends = [0, *places, len(values)]
    steps = zip(ends, places, ends[2:], strict=False)
    changes = [Change(at, level_change(values, at, before, after)) for before, at, after in steps]
    return Series(series.name, series.unit, series.machine, series.results, changes)


def show(
    folder: Path, names: Sequence[str], *, branch: str, page: Path | None, no_color: bool, quiet: bool
) -> None:
    """Print the series, and write the page where one is asked for.

    Raises:
        NothingSelectedError: no results.
    """
    found = all_series(read(folder, branch), names)
    if not found:
        where = f"{folder} of {branch}" if branch else str(folder)
        asked = f" of {', '.join(names)}" if names else ""
        raise NothingSelectedError(
            f"{where} holds no measured results{asked}; store some with --add RUN.json."
        )
    if page is not None:
        write_beside(page, render_history(found).encode())
    if not quiet:
        print_history(make_console(no_color=no_color), found)
