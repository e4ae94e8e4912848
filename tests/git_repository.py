"""A user's repository with a loader in it: files committed one after the other."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

WHO = ("-c", "user.name=someone", "-c", "user.email=someone@localhost", "-c", "commit.gpgsign=false")
LOADER = '''
"""Random windows of the token file."""
import numpy as np
import torch

from amount import TIMES


def loader(corpus, config):
    tokens = np.fromfile(corpus.token_file("train"), corpus.token_dtype)
    return windows(tokens, config)


def windows(tokens, config):
    rng = np.random.default_rng(config.seed)
    places = np.arange(config.seq_len + 1)
    while True:
        starts = rng.integers(0, len(tokens) - config.seq_len - 1, config.batch_size)
        for _ in range(TIMES):
            rows = tokens[starts[:, None] + places].astype(np.int64)
        yield torch.from_numpy(rows[:, :-1].copy()), torch.from_numpy(rows[:, 1:].copy())
'''


class Repository:
    """A folder under git."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.folder), *WHO, *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, message: str, **files: str) -> str:
        """Write files (``__`` for the dot of a name), commit all, and return the hash."""
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def worktrees(self) -> int:
        return len(self.git("worktree", "list").splitlines())


def two_commits(folder: Path, base: int = 1, head: int = 1) -> Repository:
    """A loader that does its work so many times, before and after."""
    made = Repository(folder)
    made.commit("A loader", mine__py=LOADER, amount__py=f"TIMES = {base}\n")
    made.commit("Another amount of work", amount__py=f"TIMES = {head}\n", README__md="changed\n")
    return made
