"""Two revisions of the user's repository side by side: the working tree as it is, and a base checked out."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ..errors import EXIT_UNKNOWN, LoadstoneError, UsageError
from ..reports.document import Revision
from .subjects import SubjectRef
from .trees import Tree

GIT_S = 300.0  # a checkout of a large repository


class NoBase(LoadstoneError):
    """The base revision exists, and nothing can be loaded from it; the sentence says why."""

    exit_code = EXIT_UNKNOWN


def git(folder: Path, *words: str) -> str:
    """What git answers, without the last line end.

    Raises:
        UsageError: git is not there, or refuses.
    """
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=GIT_S,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise UsageError("git is not installed; give --against-subject, or a stored document.") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git {words[0]} did not end within {GIT_S:g} s.") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise UsageError(f"git {words[0]} failed in {folder}: {last}")
    return done.stdout.rstrip("\n")


def repository(folder: Path) -> Path:
    """The top of the repository that holds a folder; raises :class:`UsageError` outside of one."""
    try:
        return Path(git(folder, "rev-parse", "--show-toplevel"))
    except UsageError as error:
        if "not a git repository" not in str(error):
            raise
        raise UsageError(
            f"{folder} lies in no git repository, so there is no revision to compare with; "
            "call the command inside one, or give --against-subject or a stored document."
        ) from None


def resolve(top: Path, name: str) -> Revision:
    """The commit that a name means; raises :class:`UsageError` for none."""
    try:
        commit = git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except UsageError:
        shallow = git(top, "rev-parse", "--is-shallow-repository") == "true"
        hint = "the clone is shallow: fetch the base too (fetch-depth: 0)" if shallow else "see `git log`"
        raise UsageError(f"{name!r} is no commit of {top}, and no file either; {hint}.") from None
    return Revision(name=name, commit=commit, title=git(top, "log", "-1", "--format=%s", commit))


def working(top: Path) -> Revision:
    """The working tree: its commit, and whether files differ from it."""
    head = resolve(top, "HEAD")
    changed = bool(git(top, "status", "--porcelain", "--untracked-files=no"))
    return msgspec.structs.replace(head, name="working tree", changed=changed)


@contextlib.contextmanager
def checked_out(top: Path, commit: str) -> Iterator[Path]:
    """A temporary worktree of a commit; it is gone afterwards, also after Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="loadstone-base-", ignore_cleanup_errors=True) as folder:
        place = Path(folder).resolve() / top.name
        try:
            git(top, "worktree", "add", "--detach", "--force", str(place), commit)
            yield place
        finally:
            with _uninterrupted():
                shutil.rmtree(folder, ignore_errors=True)
                with contextlib.suppress(UsageError):
                    git(top, "worktree", "prune")


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """A second Ctrl-C has to wait while things are put away."""
    try:
        before = {sign: signal.signal(sign, signal.SIG_IGN) for sign in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # only the main thread may
        before = {}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def prepare(place: Path, command: str) -> None:
    """Run the user's own command in the base's tree, such as one that compiles an extension.

    Raises:
        NoBase: it failed.
    """
    running = subprocess.Popen(
        command, shell=True, cwd=place, text=True, errors="replace", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = running.communicate()
    except BaseException:  # interrupted: what the shell started goes with it
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        raise
    if running.returncode:
        last = ((err.strip() or out.strip()).splitlines() or ["it said nothing"])[-1][:300]
        raise NoBase(
            f"the base does not build: {command!r} ended with exit code {running.returncode}: {last}"
        )


def trees(top: Path, place: Path, commit: str) -> tuple[Tree, Tree]:
    """Base and head as the children are told of them, alike in all but the folder."""
    inside = Path.cwd().resolve()
    inside = inside.relative_to(top) if inside.is_relative_to(top) else Path()
    own = [Path(entry or ".").resolve() for entry in sys.path]
    path = [entry.relative_to(top) for entry in own if entry.is_relative_to(top) and entry.is_dir()]
    path = [entry for entry in path if "site-packages" not in entry.parts]
    ours = (top / "loaders" / "contract.py").is_file() and (top / "harness" / "child.py").is_file()
    titles = {place: f"the base revision {commit[:10]}", top: "the working tree"}
    made = [
        Tree(
            root=str(root),
            cwd=str(root / inside if (root / inside).is_dir() else root),
            path=tuple(dict.fromkeys(str(root / entry) for entry in path if (root / entry).is_dir())),
            ours=ours,
            title=title,
        )
        for root, title in titles.items()
    ]
    return made[0], made[1]


def placed(ref: SubjectRef, top: Path, tree: Tree) -> SubjectRef:
    """The subject as it lies in a tree.

    Raises:
        UsageError: it is no part of the repository.
        NoBase: this tree has no such file.
    """
    if ref.origin == "file":
        file = Path(ref.module).resolve()
        if not file.is_relative_to(top):
            raise UsageError(f"{ref.name} lies outside of the repository {top}, so it has no base revision.")
        there = Path(tree.root) / file.relative_to(top)
        if not there.is_file():
            raise NoBase(
                f"it has no {file.relative_to(top)}: {ref.name} is new, with nothing to compare it to"
            )
        return msgspec.structs.replace(ref, module=str(there), tree=tree)
    if ref.origin in ("built-in", "adapter") and not tree.ours:
        raise UsageError(
            f"{ref.name} is Loadstone's own and no part of the repository {top}; "
            "gate a loader of yours, or give --against-subject."
        )
    return msgspec.structs.replace(ref, tree=tree)
