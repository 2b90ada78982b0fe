"""Maps as inline SVG: one path and one title a place, colour and pattern by CSS class, no inline style.

The classes of a place, for the stylesheet: `map-none` (nothing known), `map-ok`, `map-low`, `map-out` (stock),
`map-allow`, `map-ask` (depends on the county, the age or another answer), `map-review`, `map-deny` (rules),
`map-change` (a draft changes it). So that a map reads in grayscale too, low and review carry lines, out and deny
crosses, ask dots, change bars: a second path of class `map-hatch` in the text colour. The SVG has class `us-map`, or
`state-map` for the counties of one state; each place also `map-state`, each area over them `map-area`, the two-letter
labels `map-labels`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from markupsafe import Markup

from geo.places import CountyRow, StateRow
from geo.plane import HEIGHT, WIDTH, Box

MARGIN = 0.02  # of the larger side, around the map of one state
AROUND = 0.4  # the same around one area, and at least
NEAR = 4.0  # units of the plane, about half a county

Area = tuple[str, str, str]  # path on the plane, CSS class, title

_PATTERN_OF = {
    "map-low": "lines",
    "map-review": "lines",
    "map-out": "crosses",
    "map-deny": "crosses",
    "map-ask": "dots",
    "map-change": "bars",
}
_PATTERNS = Markup(
    "<defs>"
    '<pattern id="map-lines{id}" width="7" height="7" patternUnits="userSpaceOnUse"'
    ' patternTransform="rotate(45) scale({scale})">'
    '<path class="map-hatch-line" d="M0 0v7" stroke="currentColor" stroke-width="1.6"/></pattern>'
    '<pattern id="map-crosses{id}" width="7" height="7" patternUnits="userSpaceOnUse"'
    ' patternTransform="rotate(45) scale({scale})">'
    '<path class="map-hatch-line" d="M0 0v7M0 0h7" stroke="currentColor" stroke-width="1.6"/></pattern>'
    '<pattern id="map-dots{id}" width="7" height="7" patternUnits="userSpaceOnUse"'
    ' patternTransform="rotate(45) scale({scale})">'
    '<circle cx="3.5" cy="3.5" r="1.3" fill="currentColor"/></pattern>'
    '<pattern id="map-bars{id}" width="7" height="7" patternUnits="userSpaceOnUse"'
    ' patternTransform="scale({scale})">'
    '<path class="map-hatch-line" d="M0 3.5h7" stroke="currentColor" stroke-width="1.6"/></pattern>'
    "</defs>"
)
_SUBPATH = re.compile(r"M([^l]*)l([^z]*)z")
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")


@dataclass(frozen=True, slots=True)
class Paint:
    """How one place is shown: a class of the list above, the words on hover and for screen readers, and a link."""

    css_class: str
    title: str
    href: str = ""


def us_map(states: Iterable[StateRow], paint: Mapping[str, Paint], *, label: str, areas: Iterable[Area] = ()) -> Markup:
    """The map of the country. States without an outline are left out; those without paint get `map-none` and a name.

    `areas` lie over the states. `label` says what the map shows, for people who do not see it; the table beside it
    holds the same facts.
    """
    drawn = [state for state in states if state.outline]
    shapes = [(s.outline, paint.get(s.code, Paint("map-none", s.name))) for s in drawn]
    names = Markup("").join(
        Markup('<text x="{}" y="{}">{}</text>').format(state.label_x, state.label_y, state.code) for state in drawn
    )
    labels = Markup(
        '<g class="map-labels" aria-hidden="true" text-anchor="middle" font-size="11" pointer-events="none">{}</g>'
    ).format(names)
    return _svg("us-map", (0, 0, WIDTH, HEIGHT), shapes, areas, label=label, id_="", labels=labels)


def state_map(
    state: StateRow,
    counties: Iterable[CountyRow],
    paint: Mapping[str, Paint],
    *,
    label: str,
    areas: Iterable[Area] = (),
    close_to: Iterable[str] = (),
) -> Markup:
    """The counties of one state as large as the map goes, painted by FIPS code; empty where none is drawn.

    Counties without paint get `map-none` and their name. `close_to` has paths to which the map is cut, with what lies
    around them. Otherwise as `us_map`.
    """
    drawn = [county for county in counties if county.outline]
    if not drawn:
        return Markup("")
    shapes = [(c.outline, paint.get(c.fips, Paint("map-none", c.name))) for c in drawn]
    near = [path for path in close_to if path]
    view = _view(near, AROUND, NEAR) if near else _view(county.outline for county in drawn)
    return _svg("us-map state-map", view, shapes, areas, label=label, id_=f"-{state.code}")


def _svg(
    css_class: str,
    view: Box,
    shapes: list[tuple[str, Paint]],
    areas: Iterable[Area],
    *,
    label: str,
    id_: str,
    labels: str = "",
) -> Markup:
    """`id_` ends the names of the patterns, so that two maps on a page do not take each other's."""
    scale = f"{max(view[2] / WIDTH, view[3] / HEIGHT):.4g}"  # a pattern is as dense on every map
    role = "group" if any(p.href for _, p in shapes) else "img"  # an img would hide its links from screen readers
    return Markup(
        '<svg class="{}" viewBox="{}" role="{}" aria-label="{}" xmlns="http://www.w3.org/2000/svg">{}{}{}{}</svg>'
    ).format(
        css_class,
        " ".join(f"{number:g}" for number in view),
        role,
        label,
        _PATTERNS.format(id=id_, scale=scale),
        Markup("").join(_place(path, paint, id_) for path, paint in shapes),
        Markup("").join(_drawn(path, f"map-area {css}", title, css, id_) for path, css, title in areas if path),
        labels,
    )


def _place(path: str, paint: Paint, id_: str) -> Markup:
    shape = _drawn(path, f"map-state {paint.css_class}", paint.title, paint.css_class, id_)
    if not paint.href:
        return shape
    return Markup('<a href="{}" aria-label="{}">{}</a>').format(paint.href, paint.title, shape)


def _drawn(path: str, css_class: str, title: str, paint_class: str, id_: str) -> Markup:
    pattern = _PATTERN_OF.get(paint_class)
    hatch = Markup('<path class="map-hatch" fill="url(#map-{}{})" d="{}"/>').format(pattern, id_, path)
    return Markup('<g><title>{}</title><path class="{}" d="{}"/>{}</g>').format(
        title, css_class, path, hatch if pattern else ""
    )


def _view(paths: Iterable[str], around: float = MARGIN, least: float = 0) -> Box:
    """The box around paths as `geo.outlines` writes them, with a margin: left, top, width, height."""
    xs, ys = zip(*(point for path in paths for point in _points(path)), strict=True)
    left, top, width, height = min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
    margin = max(max(width, height) * around, least)
    return round(left - margin, 2), round(top - margin, 2), round(width + 2 * margin, 2), round(height + 2 * margin, 2)


def _points(path: str) -> Iterator[tuple[float, float]]:
    """Every point of a path, each ring of which is `M x y l dx dy ... z`."""
    for start, moves in _SUBPATH.findall(path):
        numbers = [float(number) for number in _NUMBER.findall(start + " " + moves)]
        yield from zip(accumulate(numbers[::2]), accumulate(numbers[1::2]), strict=True)
