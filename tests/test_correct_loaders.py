"""No correct loader is accused: not of a dozen unannotated makes, nor the built-ins at any shape."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import failed, findings, inquiry
from correct_loaders import CORRECT, WRONG
from loadstone.harness.inquiry import Inquiry
from loadstone.suites.scenarios import Shape

pytestmark = pytest.mark.slow  # minutes: `tox run -e exhaustive`

__all__ = ["inquiry"]

FILE = Path(__file__).with_name("correct_loaders.py")
BUILT_INS = (
    "in_memory", "in_memory[order=sequential]", "memmap_per_batch", "memmap_per_batch[order=sequential]",
    "memmap_per_batch[access=read]", "memmap_per_batch[access=read,order=sequential]",
    "memmap_persistent", "memmap_persistent[order=sequential]", "memmap_persistent[advice=random]",
    "memmap_per_batch[advice=random]", "parquet_stream",
    "parquet_stream[column=token_bytes]", "parquet_stream[reads=pairs]", "conversation_deque",
    "conversation_deque[token_cache=true]", "conversation_deque[max_tokens=40]",
)  # fmt: skip
SHAPES = ((1, 1), (3, 7), (32, 16), (64, 2))  # nothing, nothing that divides, many rows, tiny rows


@pytest.mark.parametrize("name", CORRECT)
def test_an_unannotated_correct_loader_is_not_accused(name: str, inquiry: Inquiry) -> None:
    assert failed(findings(inquiry, f"{FILE}:{name}")) == {}


@pytest.mark.parametrize("name", WRONG)
def test_an_unannotated_wrong_loader_fails(name: str, inquiry: Inquiry) -> None:
    only = [WRONG[name]] if name == "hangs" else []
    assert WRONG[name] in failed(findings(inquiry, f"{FILE}:{name}", only=only))


@pytest.mark.parametrize("name", CORRECT)
def test_nor_at_a_shape_that_divides_nothing(name: str, inquiry: Inquiry) -> None:
    for size in SHAPES[:2]:
        assert failed(findings(inquiry, f"{FILE}:{name}", Shape(*size, seed=7))) == {}


@pytest.mark.parametrize("subject", BUILT_INS)
def test_the_built_ins_are_right_at_every_shape(subject: str, inquiry: Inquiry) -> None:
    for seed, size in enumerate(SHAPES):
        assert failed(findings(inquiry, subject, Shape(*size, seed=seed))) == {}, size
