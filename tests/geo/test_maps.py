from xml.etree import ElementTree

from geo.maps import Paint, us_map
from geo.places import StateRow
from geo.referrals import nearest_help

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


def test_help_is_known_for_every_place() -> None:
    lines = nearest_help("OH")
    assert {line.phone for line in lines} == {"800-484-3731", "1-800-662-4357", "988", "1-800-222-1222"}
    assert all(line.name_es and line.checked_on and line.source for line in lines)
    assert nearest_help() == lines
