"""The page: one file, no network, no script, well formed, everything foreign escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import sample_documents as samples
from loadstone.reports import html
from loadstone.reports.drawing import BLUE, GREEN, PURPLE, RED
from loadstone.reports.html import render_html

VOID = {"meta", "link", "br", "hr", "img", "input", "col", "wbr"}


class Page(HTMLParser):
    """Collects ids, links and text, and notes every tag that is not closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.errors: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        self.errors += [f"never closed: {tag}" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if len(named) != len(attrs):
            self.errors.append(f"attribute twice: {tag} {attrs}")
        self.tags.append((tag, named))
        if "id" in named:
            self.ids.append(named["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.errors.append(f"</{tag}> closes {self.open[-3:]}")
        else:
            self.open.pop()

    def handle_data(self, data):
        self.words.append(data)

    def attributes(self, name: str) -> list[str]:
        return [named[name] for _, named in self.tags if named.get(name)]


@pytest.fixture(scope="module", params=list(samples.EVERY))
def page(request):
    text = render_html(samples.EVERY[request.param]())
    return text, Page(text)


@pytest.fixture(scope="module")
def red():
    text = render_html(samples.red())
    return text, Page(text)


def test_it_is_well_formed(page):
    _, parsed = page
    assert parsed.errors == []
    assert parsed.tags[0][0] == "html"


def test_every_id_is_unique_and_every_reference_resolves(page):
    text, parsed = page
    assert len(parsed.ids) == len(set(parsed.ids)) > 5
    wanted = {link[1:] for link in parsed.attributes("href") if link.startswith("#")}
    for name in ("aria-labelledby", "aria-describedby"):
        wanted |= {word for value in parsed.attributes(name) for word in value.split()}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", text))
    assert wanted - set(parsed.ids) == set()


def test_it_needs_no_network_and_no_script(page):
    text, parsed = page
    assert {tag for tag, _ in parsed.tags} & {"script", "iframe", "object", "embed", "img", "base"} == set()
    assert [value for value in parsed.attributes("href") if not value.startswith(("#", "data:,"))] == []
    assert parsed.attributes("src") == parsed.attributes("style") == []
    assert "@import" not in text
    assert [name for _, named in parsed.tags for name in named if name.startswith("on")] == []
    policy = next(named["content"] for _, named in parsed.tags if "http-equiv" in named)
    assert "default-src 'none'" in policy


def test_it_is_small(page):
    text, _ = page
    assert 5_000 < len(text.encode()) < 400_000


def test_the_answer_comes_first(red):
    text, parsed = red
    order = ["answer", "verdicts", "throughput", "feeding", "memory", "transfer", "traits", "environment"]
    sections = [named["id"] for tag, named in parsed.tags if tag == "section"]
    assert sections == order
    words = " ".join(" ".join(parsed.words).split())
    assert (
        words.index("4 of 7 loaders fail")
        < words.index("leaks 197 kB/batch")
        < words.index("Each cell leads")
    )
    assert "loadstone run textbook.parquet_stream double_shift.py:my_loader stuck leaky" in words
    assert text.count("<h1") == 1


def test_every_failed_finding_is_open_with_reason_cause_likeness_and_evidence(red):
    text, _ = red
    block = text[text.index("coverage.buffer_flush</code> 81 of 1000") :][:900]
    for words in (
        "Likely cause:</b> the row in hand",
        "Resembles B7",
        "rows_lost: 81",
        "first_lost: [10, 21, 32]",
    ):
        assert words in block
    assert "end.finite</code> did not finish within 20 s" in text
    opened = re.findall(r'<details class="subject (\w+)" open>', text)
    assert opened == ["fail", "fail", "fail", "leak", "fail", "unknown"]


def test_cells_lead_to_their_findings(red):
    _, parsed = red
    cells = [named["href"] for tag, named in parsed.tags if tag == "a" and "data-label" in named]
    assert cells[:5] == ["#s0-f0", "#s0-f1", "#s0-f2", "#s0-f3", "#s0-f4"]
    assert cells.count("#memory") == 7


def test_nothing_of_a_subject_becomes_markup(red):
    text, parsed = red
    assert samples.NASTY not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 8
    assert "<b>bold</b>" not in text
    assert "{{ 7*7 }}" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert samples.NASTY in "".join(parsed.words)


def test_void_and_unmeasured_rows_say_why(red):
    text = red[0].replace("<wbr>", "")
    row = text[text.index('<tr class="struck">') :][:400]
    assert "double_shift.py:my_loader" in row
    assert "void: fails <code>shift.exact</code>" in row
    assert text.count('<tr class="struck">') == 1
    assert "not measured: did not finish within 20 s" in text


def test_what_needs_somebody_is_answered_first(red):
    text, _ = red
    answers = re.findall(r'<li class="(\w+)"><span class="sign', text[: text.index('id="verdicts"')])
    assert answers == ["fail", "fail", "fail", "fail", "leak", "unknown", "pass"]


def test_only_what_failed_is_open_in_a_family_that_failed(red):
    text, _ = red
    start = text.index('<ul class="findings" id="s0-f0">')
    shown = text[start : text.index("</ul>", start)]
    assert shown.count('<li class="finding') == shown.count('<li class="finding fail"') == 1
    assert '<details class="rest"><summary>4 passed</summary>' in text


def test_loaders_stand_side_by_side_where_they_differ(red):
    text, _ = red
    table = text[text.index("Checks on which the loaders differ") :]
    table = table[: table.index("</table>")]
    rows = dict(re.findall(r"<code>([\w.]+)</code>(.*?)</tr>", table, re.S))
    assert set(rows) == {
        "shift.exact", "batch.type", "coverage.buffer_flush", "end.finite", "seed.same", "rng.isolated",
    }  # fmt: skip
    cells = re.findall(r'<td class="(\w+)">', rows["shift.exact"])
    assert cells == ["fail", "fail", "pass", "pass", "pass", "pass", "pass"]
    assert "Where they differ" not in render_html(samples.green())


def test_verdicts_on_memory_and_transfer_are_said_in_words():
    text = render_html(samples.green())
    assert "File-backed memory grew by 289 MB: page cache, reclaimable: not a leak." in text
    assert "<p>Not measured: no CUDA device.</p>" in text
    assert "Device copy" not in text
    gpu = render_html(samples.on_gpu())
    assert "no CUDA device" not in gpu
    assert "15.6 µs to 16.1 µs" in gpu
    assert "12.4 GB/s" in gpu


def test_a_loader_that_died_at_once_has_no_empty_charts():
    one = samples.clean()
    one.verdict, one.series = "undecided", samples.series(1)
    text = render_html(samples.document([samples.loader("it", 1e6, memory=[one])]))
    assert "undecided" in text
    assert 'id="m0-live' not in text


def test_a_page_of_many_loaders_is_shortened_and_says_so(monkeypatch):
    assert html.LIMIT == 2_000_000
    monkeypatch.setattr(html, "LIMIT", 500_000)  # a hundred charts more tell nothing more, and take long
    subjects = [samples.loader(f"loader_{n}", 1e6 + n, memory=[samples.leaking()]) for n in range(40)]
    text = render_html(samples.document(subjects))
    assert len(text.encode()) <= html.LIMIT
    assert "leaves out some details and charts" in text
    assert "loader_39" in text.replace("<wbr>", "")
    assert Page(text).errors == []


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def schemes() -> list[dict[str, str]]:
    css = re.findall(r"<style>(.*?)</style>", render_html(samples.empty()), flags=re.S)[0]
    blocks = re.findall(r":root \{(.*?)\}", css, flags=re.S)[:2]
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks]


def test_text_and_charts_can_be_read_in_both_schemes():
    light, dark = schemes()
    assert light["bg"] != dark["bg"]
    for scheme in (light, dark):
        for ground in ("bg", "panel"):
            for ink in ("fg", "muted", "link", "pass", "fail", "unknown", "waived", "skip"):
                assert contrast(scheme[ink], scheme[ground]) >= 4.5, (ink, ground)
            for colour in (BLUE, GREEN, PURPLE, RED):
                assert contrast(colour, scheme[ground]) >= 3, (colour, ground)
        for verdict in ("pass", "fail", "unknown"):
            assert contrast(scheme[verdict], scheme[f"{verdict}-bg"]) >= 4.5, verdict
            assert contrast(scheme["muted"], scheme[f"{verdict}-bg"]) >= 4.5, verdict
