"""A map of the states as inline SVG: one path and one title a state, colour and pattern by CSS class, no inline style.

The classes of a state, for the stylesheet: `map-none` (nothing known), `map-ok`, `map-low`, `map-out` (stock),
`map-allow`, `map-review`, `map-deny` (rules). So that the map reads in grayscale too, low and review carry lines, out
and deny crosses: a second path of class `map-hatch` in the text colour. The SVG has class `us-map`, each state also
`map-state`, the two-letter labels `map-labels`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from geo.places import StateRow

WIDTH, HEIGHT = 960, 600  # the plane on which geo.outlines draws

_PATTERN_OF = {"map-low": "lines", "map-review": "lines", "map-out": "crosses", "map-deny": "crosses"}
_PATTERNS = Markup(
    "<defs>"
    '<pattern id="map-lines" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path class="map-hatch-line" d="M0 0v7" stroke="currentColor" stroke-width="1.6"/></pattern>'
    '<pattern id="map-crosses" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path class="map-hatch-line" d="M0 0v7M0 0h7" stroke="currentColor" stroke-width="1.6"/></pattern>'
    "</defs>"
)


@dataclass(frozen=True, slots=True)
class Paint:
    """How one state is shown: a class of the list above, the words on hover and for screen readers, and a link."""

    css_class: str
    title: str
    href: str = ""


def us_map(states: Iterable[StateRow], paint: Mapping[str, Paint], *, label: str) -> Markup:
    """The map. States without an outline are left out; those without paint get `map-none` and their name.

    `label` says what the map shows, for people who do not see it; the table beside it holds the same facts.
    """
    drawn = [state for state in states if state.outline]
    shapes = Markup("").join(_shape(s, paint.get(s.code, Paint("map-none", s.name))) for s in drawn)
    names = Markup("").join(
        Markup('<text x="{}" y="{}">{}</text>').format(state.label_x, state.label_y, state.code) for state in drawn
    )
    role = "group" if any(p.href for p in paint.values()) else "img"  # an img would hide its links from screen readers
    return Markup(
        '<svg class="us-map" viewBox="0 0 {} {}" role="{}" aria-label="{}" xmlns="http://www.w3.org/2000/svg">'
        '{}{}<g class="map-labels" aria-hidden="true" text-anchor="middle" font-size="11" pointer-events="none">{}</g>'
        "</svg>"
    ).format(WIDTH, HEIGHT, role, label, _PATTERNS, shapes, names)


def _shape(state: StateRow, paint: Paint) -> Markup:
    pattern = _PATTERN_OF.get(paint.css_class)
    hatch = Markup('<path class="map-hatch" fill="url(#map-{})" d="{}"/>').format(pattern, state.outline)
    shape = Markup('<g><title>{}</title><path class="map-state {}" d="{}"/>{}</g>').format(
        paint.title, paint.css_class, state.outline, hatch if pattern else ""
    )
    if not paint.href:
        return shape
    return Markup('<a href="{}" aria-label="{}">{}</a>').format(paint.href, paint.title, shape)
