from xml.etree import ElementTree

from geo.maps import Paint, state_map, us_map
from geo.places import CountyRow, StateRow

OHIO = StateRow("OH", "Ohio", "Ohio", "state", "M1 1l2 0 0 2z", 2, 2)
UTAH = StateRow("UT", "Utah", "Utah", "state", "M5 5l2 0 0 2z", 6, 6)
GUAM = StateRow("GU", "Guam", "Guam", "territory")
SVG = "{http://www.w3.org/2000/svg}"


def test_each_drawn_state_has_its_class_title_link_and_pattern() -> None:
    drawn = us_map(
        [OHIO, UTAH, GUAM], {"OH": Paint("map-deny", "Ohio: cannot be mailed", "/rules/?state=OH")}, label="Map"
    )
    root = ElementTree.fromstring(drawn)
    link = root.find(f"{SVG}a")
    assert link is not None and link.attrib == {"href": "/rules/?state=OH", "aria-label": "Ohio: cannot be mailed"}
    assert [path.attrib["class"] for path in link.iter(f"{SVG}path")] == ["map-state map-deny", "map-hatch"]
    assert [title.text for title in root.iter(f"{SVG}title")] == ["Ohio: cannot be mailed", "Utah"]
    assert [text.text for text in root.iter(f"{SVG}text")] == ["OH", "UT"]
    assert root.attrib["role"] == "group"


def test_a_map_without_links_is_one_image() -> None:
    root = ElementTree.fromstring(us_map([OHIO], {}, label="Where supplies go"))
    assert (root.attrib["role"], root.attrib["aria-label"]) == ("img", "Where supplies go")


def test_titles_are_escaped_and_nothing_is_styled_inline() -> None:
    drawn = us_map([OHIO], {"OH": Paint("map-ok", "<script>", '/"x')}, label='a "b"')
    assert "<script>" not in drawn
    assert "style=" not in drawn
    ElementTree.fromstring(drawn)


def test_the_counties_of_a_state_fill_their_map_with_patterns_as_dense_as_ever() -> None:
    counties = [
        CountyRow("39049", "Franklin", "M100 200l1 0 0 2z"),
        CountyRow("39041", "Delaware", "M101.5 199l.5 1-1 0z"),
    ]
    paint = {
        "39049": Paint("map-ask", "Franklin: depends", "/rules/?county=39049"),
        "39041": Paint("map-change", "Delaware: changes"),
    }
    root = ElementTree.fromstring(state_map(OHIO, counties, paint, label="Ohio"))
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    assert (left, top) == (99.94, 198.94)
    assert (width, height) == (2.12, 3.12)  # 2 by 3, and a fiftieth of the larger on each side
    patterns = {p.attrib["id"]: p.attrib["patternTransform"] for p in root.iter(f"{SVG}pattern")}
    assert set(patterns) == {"map-lines-OH", "map-crosses-OH", "map-dots-OH", "map-bars-OH"}
    assert all("scale(0.0052)" in transform for transform in patterns.values())  # 3.12 / 600
    hatches = [p.attrib["fill"] for p in root.iter(f"{SVG}path") if p.attrib.get("class") == "map-hatch"]
    assert hatches == ["url(#map-dots-OH)", "url(#map-bars-OH)"]
    link = root.find(f"{SVG}a")
    assert link is not None and link.attrib["aria-label"] == "Franklin: depends"


def test_areas_lie_over_the_places_and_take_the_same_patterns() -> None:
    areas = [
        ("M1 1l1 0 0 1z", "map-deny", "City <ban>"),
        ("M2 2l1 0 0 1z", "map-none", "Tribal land"),
        ("", "map-ok", ""),
    ]
    root = ElementTree.fromstring(us_map([OHIO], {}, label="Map", areas=areas))
    classes = [path.attrib["class"] for path in root.findall(f"{SVG}g/{SVG}path")]
    assert classes == ["map-state map-none", "map-area map-deny", "map-hatch", "map-area map-none"]
    assert [title.text for title in root.iter(f"{SVG}title")] == ["Ohio", "City <ban>", "Tribal land"]


def test_a_state_without_outlines_has_no_map() -> None:
    assert state_map(GUAM, [CountyRow("66010", "Guam")], {}, label="Guam") == ""
