from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distro.accounts.passwords import add_user
from distro.audit import AuditEntry
from distro.auth import Role
from distro.errors import InvalidInput
from distro.languages import speaking
from distro.outbox import Message
from geo import referralfile, referrals
from geo.models import Referral, ZipKind
from geo.nearest import STARTER, Help, arrange, shipped
from geo.places import Place
from geo.referralfile import ReferralsWrong
from geo.referrals import AlreadyListed, NoHelplineLeft, nearest_help
from tests.geo.samples import AT, COLUMBUS, FOUR_CORNERS, TODAY, add_places

NUA = "800-484-3731"
NATION = [
    "never-use-alone",
    "naloxone-finder",
    "syringe-services-map",
    "lifeline-988",
    "samhsa-helpline",
    "poison-help",
]
FILE = """
- code: first-line
  kind: helpline
  name: First line
  name_es: Primera línea
  phone: 988
  areas: [US]
  source: made up
  checked_on: 2026-11-01
- code: second-place
  kind: program
  name: Second place
  name_es: Segundo lugar
  url: https://second.example/
  areas: [OH, "county:39049"]
  latitude: 39.9
  longitude: -83
  source: made up
  checked_on: 2026-11-01
"""


def entry(code: str, areas: str, point: tuple[float, float] | None = None, **fields: object) -> Help:
    latitude, longitude = point or (None, None)
    facts: dict[str, object] = dict.fromkeys(Help.__slots__, "")
    given = {"code": code, "areas": areas.split(), "latitude": latitude, "longitude": longitude}
    return Help.of({**facts, **given, **fields})


def row(code: str = "line", *, kind: str = "helpline", areas: str = "US", checked_on: date = TODAY) -> Referral:
    return Referral(
        code=code,
        kind=kind,
        name=code.title(),
        name_es=f"{code} (es)",
        phone="614-555-0123",
        areas=areas.split(),
        source="made up",
        checked_on=checked_on,
    )


def codes(found: list[Help]) -> list[str]:
    return [each.code for each in found]


def write(folder: Path, text: str) -> Path:
    path = folder / "referrals.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_nearest_comes_first_and_other_states_never() -> None:
    entries = [
        entry("nation", "US"),
        entry("utah", "UT"),
        entry("ohio-nowhere", "OH"),
        entry("ohio-far", "OH", (41.5, -81.7)),
        entry("ohio-near", "OH IN", (39.9, -83.0)),
        entry("other-county", "county:39035", (39.97, -83.0)),
        entry("county", "OH county:39049"),
        entry("never-use-alone", "US"),
    ]
    near = ["never-use-alone", "county", "ohio-near", "ohio-far", "ohio-nowhere", "nation"]
    assert codes(arrange(entries, COLUMBUS)) == near
    assert codes(arrange(entries, COLUMBUS, limit=2)) == near[:2]
    assert codes(arrange(entries, COLUMBUS, limit=0)) == ["never-use-alone"]
    assert codes(arrange(entries, state="OH")) == [
        "never-use-alone",
        "ohio-nowhere",
        "ohio-far",
        "ohio-near",
        "county",
        "nation",
    ]
    assert codes(arrange(entries)) == codes(arrange(entries, state="AE")) == ["never-use-alone", "nation"]


def test_the_lines_that_save_lives_have_their_place_beside_any_number_of_nearer_ones() -> None:
    local = [entry(f"ohio-{number}", "OH", (39.9 - number, -83.0)) for number in range(9)]
    lines = [entry(code, "US") for code in ("poison-help", "never-use-alone", "samhsa-helpline", "lifeline-988")]
    near = ["never-use-alone", "ohio-0", "ohio-1", "ohio-2", "poison-help", "lifeline-988"]
    assert codes(arrange([*local, *lines], COLUMBUS)) == near
    assert codes(arrange([*local, *lines], COLUMBUS, limit=1)) == [near[0], *near[-2:]]
    assert codes(arrange([*local, entry("poison-help", "UT")], COLUMBUS, limit=2)) == ["ohio-0", "ohio-1"]


def test_a_place_in_several_states_has_the_help_of_all_until_one_is_named() -> None:
    entries = [entry("az", "AZ"), entry("nm", "NM"), entry("apache", "county:04001"), entry("oh", "OH")]
    assert codes(arrange(entries, FOUR_CORNERS)) == ["apache", "az", "nm"]
    assert codes(arrange(entries, FOUR_CORNERS, state="NM")) == ["nm"]
    assert codes(arrange(entries, FOUR_CORNERS, state="AZ")) == ["apache", "az"]


def test_a_place_without_a_point_keeps_the_order_of_the_list() -> None:
    base = Place("09003", ZipKind.MILITARY, "Apo", ("AE",), ())
    entries = [entry("b", "AE", (1.0, 1.0)), entry("a", "AE"), entry("c", "AE", (2.0, 2.0))]
    assert codes(arrange(entries, base)) == ["b", "a", "c"]


def test_every_entry_of_the_starter_list_says_where_it_stands(session: Session) -> None:
    assert codes(arrange(shipped())) == NATION
    first = shipped()[0]
    english = (first.number, first.called, first.about)
    with speaking("es"):
        spanish = (first.number, first.called, first.about)
    assert (english[0], spanish[0], first.site) == (NUA, NUA, "neverusealone.com")
    assert english[1] != spanish[1] and english[2] != spanish[2]
    for one in referralfile.read(STARTER.read_text(encoding="utf-8"), today=TODAY):
        assert one["source"] and (one["checked_on"] < TODAY or one["source"].startswith("Not "))


def test_spanish_has_its_own_number_where_there_is_one(session: Session) -> None:
    line = entry("line", "US", phone="800-555-0100", phone_es="800-555-0199")
    assert line.number == "800-555-0100"
    with speaking("es"):
        assert line.number == "800-555-0199"


def test_without_a_directory_the_shipped_list_answers(session: Session) -> None:
    assert codes(nearest_help(session)) == NATION
    assert codes(nearest_help(session, state="MA"))[:2] == ["never-use-alone", "safespot-ma"]
    session.add(row("own"))
    assert codes(nearest_help(session, COLUMBUS)) == ["own"]


def test_seeding_adds_what_is_missing_and_touches_nothing_else(session: Session) -> None:
    assert referrals.seed(session, AT) == len(shipped())
    gone = session.scalars(select(Referral).where(Referral.code == "samhsa-helpline")).one()
    referrals.withdraw(session, gone, "manager", AT)
    session.delete(session.scalars(select(Referral).where(Referral.code == "safespot-ma")).one())
    session.flush()
    assert referrals.seed(session, AT) == 1 and referrals.seed(session, AT) == 0
    assert gone.withdrawn and "samhsa-helpline" not in codes(nearest_help(session))


@pytest.mark.parametrize(("kind", "days"), [("helpline", 90), ("program", 180)])
def test_a_check_is_good_until_its_last_day(session: Session, kind: str, days: int) -> None:
    fresh = row("fresh", kind=kind, checked_on=TODAY - timedelta(days=days))
    old = row("old", kind=kind, checked_on=TODAY - timedelta(days=days + 1))
    ahead = row("ahead", kind=kind, checked_on=TODAY + timedelta(days=1))
    session.add_all([row("nation"), fresh, old, ahead])
    assert referrals.stale(session, TODAY) == [old]
    referrals.mark_checked(session, old, "manager", AT)
    assert (old.checked_on, old.checked_by) == (TODAY, "manager") and referrals.stale(session, TODAY) == []
    old.checked_on = date(2020, 1, 1)
    referrals.withdraw(session, old, "manager", AT)
    assert referrals.stale(session, TODAY) == []


def test_stale_entries_are_told_once_a_week_to_managers_and_admins(session: Session) -> None:
    for name, role in (("m", Role.MANAGER), ("a", Role.ADMIN), ("p", Role.PACKER), ("r", Role.REVIEWER)):
        add_user(session, username=name, role=role, password="a long made-up password", email=f"{name}@example.org")
    session.add(row("line"))
    assert referrals.warn(session, AT) == 0
    session.add(row("old", checked_on=TODAY - timedelta(days=200)))
    assert [referrals.warn(session, AT + timedelta(days=days)) for days in (0, 0, 7, 14)] == [2, 0, 2, 2]
    first = session.scalars(select(Message).order_by(Message.id)).first()
    assert first is not None and first.subject == "1 referral needs checking"
    assert "- Old: 614-555-0123, not tried yet, compared with its source on 2026-05-06" in first.body
    assert "Line" not in first.body
    assert set(session.scalars(select(Message.to))) == {"m@example.org", "a@example.org"}


def test_loading_adds_and_changes_and_deletes_nothing(session: Session, tmp_path: Path) -> None:
    add_places(session)
    session.add(row("kept"))
    path = write(tmp_path, FILE)
    assert referrals.load(session, path, "manager", AT) == {"added": 2, "changed": 0, "same": 0}
    line = session.scalars(select(Referral).where(Referral.code == "first-line")).one()
    referrals.mark_checked(session, line, "manager", AT)
    assert referrals.load(session, path, "manager", AT) == {"added": 0, "changed": 0, "same": 2}
    assert line.checked_on == TODAY  # the later check stays
    changed = write(tmp_path, FILE.replace("phone: 988", "phone: (614) 555.0199"))
    assert referrals.load(session, changed, "manager", AT) == {"added": 0, "changed": 1, "same": 1}
    assert (line.phone, line.checked_on) == ("614-555-0199", date(2026, 11, 1))  # nobody checked the new number
    exported = write(tmp_path, referrals.export(session))
    assert referrals.load(session, exported, "manager", AT) == {"added": 0, "changed": 0, "same": 3}
    actions = list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
    assert actions == ["load referrals", "check referral", "load referrals"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: helpline", "sort: helpline", "Line 3, entry 1 (first-line), “sort”: This name is not known here."),
        (
            "checked_on: 2026-11-01\n-",
            "checked_on: 2026-02-30\n-",
            "Line 9, entry 1 (first-line), “checked_on”: Write a",
        ),
        ("checked_on: 2026-11-01\n-", "checked_on: 2027-01-01\n-", "“checked_on”: This day is yet to come."),
        ("988", "88-12", "Line 6, entry 1 (first-line), “phone”: Write a phone number"),
        ("  phone: 988\n", "", "“phone”: Give a phone number or a web address"),
        ("https://second", "javascript://second", "Line 14, entry 2 (second-place), “url”: Write a web address"),
        ("https://second", "https://me:secret@second", "“url”: Write a web address"),
        ("https://second", "http://second", "“url”: Write a web address"),
        ("988", "614-155-0123", "“phone”: Write a phone number"),
        ("[US]", "[Ohio]", "Line 7, entry 1 (first-line), “areas”: “Ohio” is no area."),
        ('"county:39049"', '"county:39999"', "second-place: There is no place “county:39999”."),
        ("second-place", "first-line", "Line 10: the code first-line is that of line 2 too."),
        ("  longitude: -83\n", "", "Line 10, entry 2 (second-place), “longitude”: Give both degrees, or none."),
        ("source: made up\n  checked_on: 2026-11-01\n-", "checked_on: 2026-11-01\n-", "“source”: This is missing."),
        ("- code: first-line", "- code: [first", "Line 3 is not YAML"),
        (FILE, "help: me\n", "The file needs a list"),
        ("  name: First line", "  name: First line\n  name: Twice", "Line 5: “name” stands in this entry for the"),
    ],
)
def test_a_bad_file_is_named_by_line_and_nothing_is_loaded(
    session: Session, tmp_path: Path, old: str, new: str, said: str
) -> None:
    add_places(session)
    with pytest.raises(ReferralsWrong) as refusal:
        referrals.load(session, write(tmp_path, FILE.replace(old, new, 1)), "manager", AT)
    assert said in str(refusal.value)
    assert session.scalar(select(func.count()).select_from(Referral)) == 0


def test_one_helpline_of_the_nation_always_stays(session: Session) -> None:
    local, line = row("local", areas="OH"), row("line")
    session.add_all([local, line])
    referrals.withdraw(session, local, "manager", AT)
    with pytest.raises(NoHelplineLeft):
        referrals.withdraw(session, line, "manager", AT)
    line.withdrawn = False
    with pytest.raises(NoHelplineLeft):
        referrals.change(session, line, {"areas": ["OH"]}, "manager", AT)


def test_adding_names_a_code_and_refuses_places_that_are_not_there(session: Session) -> None:
    add_places(session)
    typed = {
        "kind": "helpline",
        "name": "Línea de Ayuda",
        "name_es": "Línea de Ayuda",
        "phone": "+1 (614) 555-0123",
        "areas": "us, oh; county:39049",
        "source": "called",
        "checked_on": TODAY.isoformat(),
        "csrf_token": "x",
    }
    values = referralfile.read_form(typed, today=TODAY)
    assert (values["phone"], values["areas"]) == ("1-614-555-0123", ["US", "OH", "county:39049"])
    made = [
        referrals.add(session, {**values, "url": url}, "manager", AT).code for url in ("", "https://a.example/", "x")
    ]
    assert made == ["linea-de-ayuda", "linea-de-ayuda-2", "linea-de-ayuda-3"]
    with pytest.raises(AlreadyListed, match="“Línea de Ayuda” is in the directory already"):
        referrals.add(session, {**values, "url": ""}, "manager", AT)
    with pytest.raises(InvalidInput, match="There is no place “TX”"):
        referrals.add(session, {**values, "areas": ["TX"]}, "manager", AT)
