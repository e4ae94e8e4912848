"""A limit on conversations: what it cuts off is lost to no rank, and a share nobody reads still is."""

from __future__ import annotations

from pathlib import Path

from asking import failed, findings, inquiry
from loadstone.harness.inquiry import Inquiry

__all__ = ["inquiry"]

LEAVES_A_THIRD = """
import dataclasses

from loadstone.loaders.conversation_deque import conversation_deque


def leaves_a_third(corpus, config):
    if config.world_size > 1:
        config = dataclasses.replace(config, world_size=config.world_size + 1)
    return conversation_deque(corpus, config)


leaves_a_third.__loadstone__ = conversation_deque.__loadstone__
"""
LEAVES_A_LENGTH = """
from loadstone.loaders.conversation_deque import conversation_deque


def leaves_a_length(corpus, config):
    loader, encode = conversation_deque(corpus, config), corpus.tokenizer.encode_ordinary
    read = loader._files.read

    def tokens(messages):
        return sum(len(encode(message["content"])) for message in messages)

    loader._files.read = lambda start: (one for one in read(start) if tokens(one[1]) != config.seq_len - 1)
    return loader


leaves_a_length.__loadstone__ = conversation_deque.__loadstone__
"""
LENGTHS = "coverage.boundary_lengths"
ASKED = ("rank.union", "coverage.multiset", "trunc.accounted")


def test_a_limit_is_truncation_and_no_loss(inquiry: Inquiry) -> None:
    found = findings(inquiry, "conversation_deque[max_tokens=40]", only=ASKED)
    assert {one.id: one.verdict for one in found} == dict.fromkeys(ASKED, "pass")


def test_a_share_that_no_rank_reads_is_found_behind_a_limit(inquiry: Inquiry, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(LEAVES_A_THIRD, encoding="utf-8")
    assert set(failed(findings(inquiry, f"{path}:leaves_a_third[max_tokens=40]", only=ASKED))) == {
        "rank.union"
    }


def test_a_limit_within_the_markup_of_empty_turns_leaves_no_length_out(
    inquiry: Inquiry, tmp_path: Path
) -> None:
    """Before the one token of a conversation up to six turns without any may stand: more than the limit."""
    assert failed(findings(inquiry, "conversation_deque[max_tokens=7]", only=(LENGTHS,))) == {}
    path = tmp_path / "mine.py"
    path.write_text(LEAVES_A_LENGTH, encoding="utf-8")
    (found,) = findings(inquiry, f"{path}:leaves_a_length[max_tokens=7]", only=(LENGTHS,))
    assert (found.id, found.verdict) == (LENGTHS, "fail")
    assert "of 15 tokens (T = 16)" in found.reason
