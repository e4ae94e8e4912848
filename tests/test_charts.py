"""The charts: what they hold, that they inherit the page's colours, and that they can be heard."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
import sample_documents as samples
from loadstone.reports.charts import _scale, by_shape, latency_chart, throughput_chart
from loadstone.reports.memory_charts import (
    POINTS,
    evenly,
    extremes,
    fitted,
    floors,
    live_chart,
    rss_chart,
)
from loadstone.reports.resource_charts import steps_chart, survivors_chart

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> str:
    return " ".join(element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text"))


@pytest.fixture(scope="module")
def rows():
    return by_shape(samples.red())[12, 1024]


def drawings(rows) -> dict[str, str]:
    return {
        "rate": throughput_chart(rows, "a"),
        "time": latency_chart(rows, "b"),
        "live": live_chart(samples.leaking(), samples.NASTY, "c"),
        "rss": rss_chart(samples.clean(cache=5_000_000), "it", "d"),
    }


def test_every_chart_has_a_name_and_words_and_inherits_colours(rows):
    for kind, svg in drawings(rows).items():
        root = ET.fromstring(svg)
        assert root.get("role") == "img", kind
        title, described = root.get("aria-labelledby").split()
        assert root.find(f"{SVG}title").get("id") == title
        assert len(root.find(f"{SVG}desc").text) > 20
        assert root.find(f"{SVG}desc").get("id") == described
        colours = {element.get("fill") for element in root.iter(f"{SVG}text")}
        assert colours == {"currentColor"}, kind
        assert {element.get("role") for element in root.iter()} == {"img", None}
        assert "#fff" not in svg
        assert "<script" not in svg


def test_throughput_is_told_with_limit_interval_and_what_is_void(rows):
    svg = throughput_chart(rows, "a")
    assert "copy limit 1.38 G" in texts(svg)
    assert "512 M, void: shift.exact" in texts(svg)
    assert samples.NASTY in texts(svg)
    described = ET.fromstring(svg).find(f"{SVG}desc").text
    assert "leaky: 33.1 M tokens/s (31.4\N{EN DASH}34.4 M, n = 7), 2.4 % of the limit" in described
    assert "stuck" not in described
    assert "Copy limit 1.38 G tokens/s." in described


def test_marks_say_their_numbers_under_the_pointer(rows):
    root = ET.fromstring(latency_chart(rows, "b"))
    said = {title.text for title in root.iter(f"{SVG}title")}
    assert "leaky: p50 371 µs, p99 1.00 ms, slowest 2.23 ms" in said
    assert "leaky: 33.1 M tokens/s (31.4\N{EN DASH}34.4 M, n = 7), 2.4 % of the limit" in {
        title.text for title in ET.fromstring(throughput_chart(rows, "a")).iter(f"{SVG}title")
    }


def test_the_limit_is_left_out_where_it_was_not_measured(rows):
    bare = samples.throughput(5e6)
    bare.limit_tokens_per_s = bare.limit_low = bare.limit_high = bare.limit_share = None
    assert "copy limit" not in throughput_chart([("it", bare)], "a").lower()


def test_names_too_long_for_the_line_are_cut(rows):
    name = "a_very_long_package.with_many.modules:and_a_factory_of_some_length"
    assert name in texts(throughput_chart([(name, samples.throughput(5e6))], "a", 520))
    narrow = texts(throughput_chart([(name, samples.throughput(5e6))], "a", 320))
    assert "a_very_long_package" in narrow
    assert name not in narrow


def test_a_log_scale_is_taken_where_values_differ_much():
    scale, ticks = _scale([1.1e6, 57e6, 1.38e9])
    assert scale.to_dict()["type"] == "log"
    assert ticks == [1e6, 1e7, 1e8, 1e9]
    scale, ticks = _scale([50e6, 80e6])
    assert scale.to_dict()["type"] == "linear"
    assert ticks[0] == 0
    assert ticks[-1] >= 80e6
    assert len(ticks) <= 8


@pytest.mark.parametrize("high", [1.0, 1.9, 2.0, 3.99, 4.0, 9.5, 1e9])
def test_linear_ticks_cover_the_values_and_stay_few(high):
    scale, ticks = _scale([high * 0.9, high])
    assert scale.to_dict()["domain"] == [0, ticks[-1]]
    assert ticks[-1] >= high
    assert 3 <= len(ticks) <= 7


def test_no_more_points_than_a_line_needs_and_no_extreme_lost():
    values = [n % 7 for n in range(5000)]
    values[1234], values[4321] = -50, 99
    kept = extremes(values)
    assert len(kept) <= POINTS
    assert {1234, 4321} <= set(kept)
    assert kept == sorted(kept)
    assert extremes(values[:POINTS]) == list(range(POINTS))
    assert evenly(5000, 100)[0] == 0
    assert evenly(5000, 100)[-1] == 4999
    assert len(set(evenly(5000, 100))) == 100
    assert evenly(3) == [0, 1, 2]


def test_floors_stand_where_they_were_measured():
    memory = samples.leaking()
    placed = floors(memory)
    assert len(placed) == 8
    at = dict(zip(memory.series.batch, memory.series.live_bytes, strict=True))
    assert [at[batch] for batch, _ in placed] == memory.floors_bytes
    assert [batch for batch, _ in placed] == sorted(batch for batch, _ in placed)


def test_noise_does_not_look_like_a_leak():
    """300 bytes of jitter on an axis of at least 64 KiB are a flat line."""
    root = ET.fromstring(live_chart(samples.clean(), "it", "m"))
    assert "kB" in texts(ET.tostring(root, encoding="unicode"))
    line = next(element for element in root.iter(f"{SVG}path") if element.get("stroke-width") == "1.5")
    heights = [float(pair.split(",")[1]) for pair in line.get("d")[1:].split("L")]
    assert max(heights) - min(heights) < 1


def test_nothing_is_drawn_of_nothing():
    from loadstone.reports.document import Memory

    assert live_chart(Memory(verdict="not_measured"), "it", "m") == ""
    assert rss_chart(Memory(verdict="not_measured"), "it", "m") == ""
    assert by_shape(samples.empty()) == {}


def test_rss_names_only_the_kinds_that_occur():
    words = texts(rss_chart(samples.clean(), "it", "m"))
    assert "anonymous" in words
    assert "file" in words
    assert "shared" not in words


def test_resources_and_survivors_are_drawn_and_told_in_words():
    memory = samples.leaking()
    steps = steps_chart(memory, "it", "s")
    assert "files 6 to 65" in steps
    assert "threads" not in "".join(texts(steps))  # which never changed
    assert steps_chart(samples.clean(), "it", "s") == ""
    born = survivors_chart(memory, "it", "b")
    assert "Objects of my_loader.py:41 still alive" in texts(born)
    assert "By generation: 200, 200" in born
    assert survivors_chart(samples.clean(), "it", "b") == ""


def test_a_leak_has_the_line_of_its_rate():
    memory = samples.leaking()
    dots = [{"batch": float(batch), "size": float(size)} for batch, size in floors(memory)]
    first, last = fitted(memory, dots, 1.0)
    assert (last["size"] - first["size"]) / (last["batch"] - first["batch"]) == pytest.approx(196_608)
    assert first["size"] == pytest.approx(dots[0]["size"], rel=0.001)
