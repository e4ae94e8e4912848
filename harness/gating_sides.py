"""Where base and head come from: two revisions, two subjects of one tree, or two environments."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..reports.document import Revision
from .children import Child
from .dueling import BASE, HEAD
from .launch import PYTHON, Launcher
from .revisions import NoBase, checked_out, placed, prepare, repository, resolve, trees, working
from .subjects import SubjectRef

# Runs an interpreter whose addresses are not randomised (personality(2), ADDR_NO_RANDOMIZE).
FIXED = "import ctypes,os,sys; ctypes.CDLL(None).personality(0x40000); os.execv(sys.executable, sys.argv[1:])"
ASK_FIXED = "import ctypes; ctypes.CDLL(None).personality(0x40000); print(ctypes.CDLL(None).personality(-1))"
# Looked for and not imported, which takes seconds.
ASK_MISSING = (
    "import importlib.util as u; "
    "print(*[n for n in 'msgspec numpy psutil pyarrow tiktoken torch'.split() if u.find_spec(n) is None])"
)
ASK_S = 60.0


class Side:
    """One of the two.

    Attributes:
        title: how it is called in a sentence.
        launcher: of its processes.
        place: the subject as it lies on this side.
        fresh: whether processes are started anew instead of forked.
    """

    nothing = NoBase

    def __init__(
        self, title: str, launcher: Launcher, place: Callable[[SubjectRef], SubjectRef], fresh: bool = False
    ) -> None:
        self.title, self.launcher, self.place, self.fresh = title, launcher, place, fresh

    def begin(self, job: str, arguments: dict[str, Any], memory_limit: int) -> Child:
        """Start a process."""
        start = self.launcher.exec if self.fresh else self.launcher.fork
        return start(job, arguments, memory_limit=memory_limit)


class Sides:
    """Both, and what has to be put away afterwards."""

    def __init__(self, refs: Sequence[SubjectRef], base: Revision, head: Revision) -> None:
        self.refs, self.base, self.head = list(refs), base, head
        self.stack = contextlib.ExitStack()
        self._sides: dict[str, Side] = {}

    def __getitem__(self, name: str) -> Side:
        return self._sides[name]

    def start(
        self, base_python: Path | None, launcher: Launcher | None = None
    ) -> tuple[Launcher, Launcher, bool]:
        """Launchers of base and head, and whether each process must be a fresh one.

        One process forks both sides, unless the base has an environment of its own. Then there is one
        for each, with the same addresses (two with random ones differ by a stable 1.8 %); where the
        system does not allow that, every process is started anew, and many more pairs are needed.
        """
        if launcher is not None:
            return launcher, launcher, False
        if base_python is None:
            both = self.stack.enter_context(Launcher())
            both.start()
            return both, both, False
        fixed = _fixed_addresses()
        link = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="loadstone-")))
        (link / "loadstone").symlink_to(Path(__file__).resolve().parent.parent)
        # Both learn of the harness in the same way, so that their environments are of one length.
        env = {"PYTHONPATH": os.pathsep.join(filter(None, [str(link), os.environ.get("PYTHONPATH", "")]))}
        made = []
        for python in (str(base_python), sys.executable):
            plain = (python, *PYTHON[1:])
            command = (python, *PYTHON[1:], "-c", FIXED, *plain) if fixed else plain
            one = self.stack.enter_context(Launcher(python=command, env=env))
            one.start()
            made.append(one)
        return made[0], made[1], not fixed

    def put(self, base: Side, head: Side) -> None:
        """Set the two."""
        self._sides = {BASE: base, HEAD: head}

    def close(self) -> None:
        """End all processes and put the base's tree away."""
        self.stack.close()


def revisions(
    refs: Sequence[SubjectRef], against: str, base_python: Path | None, command: str,
    launcher: Launcher | None = None,
) -> Sides:  # fmt: skip
    """The working tree and a revision of it, checked out.

    Raises:
        UsageError: no repository, no such revision, or a subject that is no part of it.
        NoBase: the command that prepares the base failed.
    """
    top = repository(_home(refs))
    sides = Sides(refs, resolve(top, against), working(top))
    try:
        place = sides.stack.enter_context(checked_out(top, sides.base.commit))
        if command:
            prepare(place, command)
        base_tree, head_tree = trees(top, place, sides.base.commit)
        base, head, fresh = sides.start(base_python, launcher)
        sides.put(
            Side(base_tree.title, base, lambda ref: placed(ref, top, base_tree), fresh),
            Side(head_tree.title, head, lambda ref: placed(ref, top, head_tree), fresh),
        )
        for ref in refs:
            placed(ref, top, head_tree)
    except BaseException:
        sides.close()
        raise
    return sides


def subjects(
    refs: Sequence[SubjectRef], other: SubjectRef, base_python: Path | None, launcher: Launcher | None = None
) -> Sides:
    """Each subject against another one of the same tree."""
    sides = Sides(refs, Revision(name=other.name), Revision(name=", ".join(ref.name for ref in refs)))
    try:
        base, head, fresh = sides.start(base_python, launcher)
        sides.put(
            Side(other.name, base, lambda _: other, fresh), Side("the subject", head, lambda ref: ref, fresh)
        )
    except BaseException:
        sides.close()
        raise
    return sides


def _home(refs: Sequence[SubjectRef]) -> Path:
    """From where the repository is looked for: the folder of the first subject that is a file."""
    files = [Path(ref.module).parent for ref in refs if ref.origin == "file"]
    return files[0] if files else Path.cwd()


def require_python(path: Path) -> None:
    """Refuse an interpreter that cannot run the harness; raises :class:`UsageError`."""
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise UsageError(f"--base-python {path} is no program; give the python of an environment.")
    done = _ask(str(path), ASK_MISSING)
    if done is None or done.returncode or done.stdout.strip():
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() if done else ["it did not answer"]
        raise UsageError(
            f"--base-python {path} lacks what a loader is measured with ({' '.join(said[-1:])}); "
            "install loadstone into that environment."
        )


def _fixed_addresses() -> bool:
    """Whether this system lets a process have addresses that are the same each time."""
    done = _ask(sys.executable, ASK_FIXED)
    return done is not None and done.returncode == 0 and bool(int(done.stdout or 0) & 0x40000)


def _ask(python: str, code: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            [python, "-c", code], capture_output=True, text=True, timeout=ASK_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


__all__ = ["NoBase", "Side", "Sides", "require_python", "revisions", "subjects"]
