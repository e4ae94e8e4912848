"""From an Altair chart to SVG that can stand in a page: its colours, its name, no network."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import altair as alt

# Okabe and Ito's colours, which colour-blind readers can tell apart, darkened or lightened where
# needed to keep a contrast of 3:1 on both page backgrounds. Text takes the page's own colour.
BLUE = "#1f7fbf"
GREEN = "#00916a"
PURPLE = "#b565a0"
RED = "#d55e00"
INK = "currentColor"
Tables = dict[str, list[dict[str, Any]]]
_SVG = "http://www.w3.org/2000/svg"
_NOISE = {"pointer-events", "display", "aria-hidden", "aria-roledescription", "aria-label", "role", "class"}


def themed(layers: list[alt.Chart], width: int, height: int, title: str) -> alt.LayerChart:
    """Lay charts over one another and give them a size in px, a heading and the look all share."""
    import altair as alt

    heading = alt.TitleParams(title, anchor="start", fontSize=12, fontWeight=600, color=INK, offset=10)
    sized: alt.LayerChart = (
        cast("alt.LayerChart", alt.layer(*layers))
        .properties(width=width, height=height, title=heading, background="transparent")
        .configure(font="system-ui, sans-serif", aria=False, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK,
            labelFontSize=11,
            labelOpacity=0.85,
            titleColor=INK,
            titleFontSize=11,
            titleFontWeight="normal",
            gridColor=INK,
            gridOpacity=0.13,
            domainColor=INK,
            domainOpacity=0.4,
            tickColor=INK,
            tickOpacity=0.4,
        )
        .configure_legend(
            labelColor=INK, labelFontSize=11, titleColor=INK, orient="top", title=None, offset=4
        )
    )
    return sized


def to_svg(chart: alt.LayerChart, tables: Tables, ident: str, title: str, description: str) -> str:
    """Render a chart to an ``<svg>`` element with a name and a description for those who cannot see it.

    Args:
        chart: made over :func:`table` names; nothing is fetched.
        tables: the rows of each of those tables.
        ident: prefix that keeps the ids of several drawings in one page apart.
        title: its name.
        description: what it shows, in words.
    """
    import vl_convert

    spec = chart.to_dict(validate=False) | {"datasets": tables}
    drawn = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    ET.register_namespace("", _SVG)
    root = ET.fromstring(drawn)
    for element in root.iter():
        _tidy(element, ident)
    root.attrib |= {"role": "img", "aria-labelledby": f"{ident}-title {ident}-desc", "class": "chart"}
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        named = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{ident}-{tag}"})
        named.text = text
        root.insert(place, named)
    return ET.tostring(root, encoding="unicode")


def _tidy(element: ET.Element, ident: str) -> None:
    """Drop what only Vega's own script needs, and make ids and the references to them unique.

    What a mark says of itself becomes its title, which a browser shows under the pointer without a script.
    """
    said = element.get("aria-label")
    if said:
        title = ET.Element(f"{{{_SVG}}}title")
        title.text = said
        element.insert(0, title)
    hidden = [child for child in element if child.get("display") == "none" or child.get("opacity") == "0"]
    for child in hidden:
        element.remove(child)
    for name in _NOISE & set(element.attrib):
        del element.attrib[name]
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, f"{ident}-{value}")
        else:
            element.set(name, re.sub(r"url\(#([^)]+)\)", rf"url(#{ident}-\1)", value))


def table(name: str) -> alt.NamedData:
    """Stand for a table that :func:`to_svg` puts in: a chart copies its own data many times over."""
    import altair as alt

    return alt.NamedData(name=name)


def stand_alone(svg: str) -> str:
    """The drawing as a file of its own: with a ground and an ink for both colour schemes."""
    style = (
        "<style>svg.chart{color:#1c2024;background:#fff}@media (prefers-color-scheme:dark)"
        "{svg.chart{color:#e5e8ea;background:#14171a}}</style>"
    )
    start = svg.index(">") + 1
    return f"{svg[:start]}{style}{svg[start:]}\n"
