"""Mutate the five loaders, one line at a time, and see whether `check` notices.

    python tests/mutation.py --most 80 --json mutation.json

Not a test: it takes minutes. A mutant changes one operator, bound, constant or condition in a file
of the loaders; its subject imports that file in place of the real one. A mutant that every check
passes has survived: it is either equivalent, or a check is missing.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import loadstone
from loadstone.errors import LoadstoneError
from loadstone.harness.inquiry import Inquiry
from loadstone.harness.launch import Launcher
from loadstone.harness.subjects import find
from loadstone.suites.scenarios import Shape

LOADERS = Path(loadstone.__file__).parent / "loaders"
# Which subjects read which file; a mutant is killed if any of them fails.
FILES = {
    "windows.py": (
        "in_memory", "in_memory[order=sequential]", "memmap_per_batch[access=read,order=sequential]",
    ),
    "token_streams.py": ("memmap_persistent", "memmap_persistent[order=sequential]"),
    "token_file.py": ("memmap_persistent", "memmap_per_batch[access=read]"),
    "in_memory.py": ("in_memory", "in_memory[order=sequential]"),
    "memmap_per_batch.py": ("memmap_per_batch", "memmap_per_batch[order=sequential]"),
    "memmap_persistent.py": ("memmap_persistent", "memmap_persistent[order=sequential]"),
    "parquet_stream.py": ("parquet_stream",),
    "documents.py": ("parquet_stream", "parquet_stream[column=token_bytes]"),
    "row_groups.py": ("parquet_stream", "parquet_stream[reads=pairs]"),
    "shuffle_buffer.py": ("parquet_stream", "parquet_stream[reads=pairs]"),
    "passes.py": ("parquet_stream", "parquet_stream[reads=pairs]"),
    "pairs.py": ("parquet_stream[reads=pairs]",),
    "joined_tokens.py": ("parquet_stream", "conversation_deque"),
    "conversation_deque.py": ("conversation_deque", "conversation_deque[token_cache=true]"),
    "conversations.py": ("conversation_deque", "conversation_deque[token_cache=true]"),
    "chat_template.py": ("conversation_deque",),
    "saved_state.py": ("parquet_stream", "conversation_deque"),
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
}  # fmt: skip


def sites(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Nodes that can be mutated, each with what would be done; decorators and messages are left alone."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for statement in function.body:
            for node in below(statement):
                if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
                    yield node, "comparison"
                elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
                    yield node, "operator"
                elif isinstance(node, ast.Constant) and type(node.value) is int:
                    yield node, "constant"
                elif isinstance(node, ast.Constant) and type(node.value) is bool:
                    yield node, "flag"
                elif isinstance(node, ast.If | ast.While) and not isinstance(node.test, ast.Constant):
                    yield node, "condition"


def below(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is in it, but for errors raised and functions, which are met by themselves."""
    if isinstance(node, ast.Raise | ast.FunctionDef | ast.ClassDef):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from below(child)


def mutate(node: ast.AST, kind: str) -> None:
    """Change one node in place."""
    if kind == "comparison":
        assert isinstance(node, ast.Compare)
        node.ops[0] = COMPARISONS[type(node.ops[0])]()
    elif kind == "operator":
        assert isinstance(node, ast.BinOp)
        node.op = OPERATORS[type(node.op)]()
    elif kind == "condition":
        assert isinstance(node, ast.If | ast.While)
        node.test = ast.UnaryOp(ast.Not(), node.test)
    else:
        assert isinstance(node, ast.Constant)
        node.value = (not node.value) if kind == "flag" else int(node.value) + 1


def mutants(most: int, seed: int) -> Iterator[tuple[str, int, str, str]]:
    """(file, line, what was done as before -> after, the mutated source), spread over all files."""
    rng = random.Random(seed)
    found: dict[str, list[int]] = {}
    for name in FILES:
        tree = ast.parse((LOADERS / name).read_text("utf-8"))
        found[name] = rng.sample(range(count := len(list(sites(tree)))), count)
    for turn in range(max(map(len, found.values()))):
        for name, places in found.items():
            if most and turn < len(places):
                most -= 1
                yield one_mutant(name, places[turn])


def one_mutant(name: str, place: int) -> tuple[str, int, str, str]:
    """The mutant of one site of a file."""
    tree = ast.parse((LOADERS / name).read_text("utf-8"))
    node, kind = list(sites(tree))[place]
    shown = node.test if isinstance(node, ast.If | ast.While) else node
    before = ast.unparse(copy.deepcopy(shown))
    mutate(node, kind)
    shown = node.test if isinstance(node, ast.If | ast.While) else node
    return (
        name,
        node.lineno,
        f"{before} -> {ast.unparse(shown)}",
        ast.unparse(ast.fix_missing_locations(tree)),
    )  # type: ignore[attr-defined]


def judge(inquiry: Inquiry, folder: Path, name: str, source: str) -> list[str]:
    """Ids of the checks that fail for a mutant, by any of its subjects."""
    (folder / "loaders").mkdir()
    (folder / "loaders" / name).write_text(source, "utf-8")
    for number, subject in enumerate(FILES[name]):
        target, _, options = subject.partition("[")
        wrapper = folder / f"mutant{number}.py"
        wrapper.write_text(
            "import loadstone.loaders as room\n"
            f"room.__path__.insert(0, {str(folder / 'loaders')!r})\n"
            f"from loadstone.loaders.{target} import {target} as subject\n"
        )
        brackets = f"[{options}" if options else ""
        try:
            opened = inquiry.open(find(f"{wrapper}:subject{brackets}"), {}, {})
        except LoadstoneError as error:
            return [f"import: {error}"]
        findings, _ = inquiry.check(opened, Shape())
        failed = [finding.id for finding in findings if finding.verdict == "fail"]
        if failed:
            return failed
    return []


def main() -> None:
    """Run the mutants and print what became of each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=80, help="mutants, spread over all files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--deadline", type=float, default=6.0, help="seconds a scenario may take")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results, began = [], time.monotonic()
    with Launcher() as launcher:
        launcher.start()
        inquiry = Inquiry(launcher, given.deadline)
        for number, (name, line, change, source) in enumerate(mutants(given.most, given.seed)):
            with tempfile.TemporaryDirectory() as folder:
                failed = judge(inquiry, Path(folder), name, source)
            results.append({"file": name, "line": line, "change": change, "killed_by": failed})
            print(
                f"{number:3} {'killed  ' if failed else 'SURVIVED'} {name}:{line} {change}  {failed[:3]}",
                flush=True,
            )
    killed = sum(bool(one["killed_by"]) for one in results)
    print(f"{killed} of {len(results)} mutants killed in {time.monotonic() - began:.0f} s")
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
