"""The 25 shapes that the law takes, each written as a rule of a file, with its example and its counter-example.

Length: one test to a shape, in the order of the list.
"""

from datetime import date

import pytest

from geo.decision import Decision, decide, strictest
from geo.models import ZipKind
from geo.places import Place
from geo.rules import Effect, Facts, Held, Law, Origin, Product
from tests.geo.samples import law, place

ON = date(2026, 12, 1)
ALLOW, REVIEW, ASK, DENY = Effect.ALLOW, Effect.REVIEW, Effect.ASK, Effect.DENY
NOBODY = Facts()

SYRINGE = Product("syringe", "syringes")
SYRINGE_KIT = Product("syringe-kit", "kits", parts=((SYRINGE, 10), (Product("wipe"), 10)))
SYRINGES = Product("syringe-pack", "kits", parts=((SYRINGE, 10),))
STRIPS = Product("fentanyl-strips", "strips", analytes=("fentanyl",))
XYLAZINE = Product("xylazine-strips", "strips", analytes=("xylazine",))
SPRAY = Product("naloxone-nasal", "naloxone", form="otc")
VIAL = Product("naloxone-im", "naloxone", form="rx")


def answer(
    rules: Law,
    at: Place,
    product: Product,
    facts: Facts = NOBODY,
    *,
    origin: Origin | None = None,
    on: date = ON,
    units: int = 1,
) -> Effect:
    return decide(rules, at, product, origin, facts, on, units).effect


def whole(rules: Law, at: Place, product: Product) -> Decision:
    return decide(rules, at, product, None, NOBODY, ON)


def in_(state: str) -> Place:
    return place("00001", state)


def county(fips: str, state: str) -> Place:
    return place("00002", state, counties=(fips,))


def test_01_state_by_item_texas() -> None:
    texas = law("""
        - key: TX-strips
          place: TX
          items: [fentanyl-strips]
          effect: deny
        - key: TX-naloxone
          place: TX
          items: [class:naloxone]
          effect: allow
    """)
    assert answer(texas, in_("TX"), STRIPS) == DENY
    assert answer(texas, in_("TX"), SPRAY) == ALLOW
    assert answer(texas, in_("OK"), SPRAY) == REVIEW  # silence elsewhere


def test_02_component_of_a_kit_new_mexico() -> None:
    mexico = law("""
        - key: NM-smoking-kits
          place: NM
          items: [smoking-kit]
          effect: allow
        - key: NM-pipes
          place: NM
          items: [component:pipe]
          effect: deny
    """)
    foil = Product("smoking-kit", parts=((Product("foil"), 2), (Product("straw"), 2)))
    with_pipe = Product("smoking-kit", parts=((Product("foil"), 2), (Product("pipe"), 1)))
    assert answer(mexico, in_("NM"), foil) == ALLOW
    assert answer(mexico, in_("NM"), with_pipe) == DENY
    assert answer(mexico, in_("NM"), Product("pipe")) == REVIEW  # the rule is about kits alone


def test_03_what_a_strip_detects_florida_kentucky_new_hampshire() -> None:
    strips = law("""
        - key: FL-fentanyl
          place: FL
          items: [analyte:fentanyl]
          effect: allow
        - key: FL-other-strips
          place: FL
          items: [analyte:xylazine, analyte:medetomidine]
          effect: deny
        - key: KY-strips
          place: KY
          items: [class:strips]
          effect: allow
        - key: NH-named
          place: NH
          items: [analyte:fentanyl, analyte:xylazine]
          effect: allow
    """)
    both = Product("double-strips", "strips", analytes=("fentanyl", "xylazine"))
    medetomidine = Product("medetomidine-strips", "strips", analytes=("medetomidine",))
    assert [answer(strips, in_("FL"), one) for one in (STRIPS, XYLAZINE, both)] == [ALLOW, DENY, DENY]
    assert [answer(strips, in_("KY"), one) for one in (STRIPS, medetomidine)] == [ALLOW, ALLOW]
    assert [answer(strips, in_("NH"), one) for one in (both, medetomidine)] == [ALLOW, REVIEW]


def test_04_product_form_spray_and_vial() -> None:
    forms = """
        - key: US-rx
          place: US
          items: [form:rx]
          effect: allow
          scope: federal
          credentials: [[standing-order]]
        - key: OH-naloxone
          place: OH
          items: [class:naloxone]
          effect: allow
        - key: NY-naloxone
          place: NY
          items: [class:naloxone]
          effect: allow
    """
    in_ohio = Held("standing-order", places=frozenset({"OH"}))
    assert answer(law(forms), in_("OH"), SPRAY) == ALLOW
    assert answer(law(forms), in_("OH"), VIAL) == DENY
    assert answer(law(forms, in_ohio), in_("OH"), VIAL) == ALLOW
    assert answer(law(forms, in_ohio), in_("NY"), VIAL) == DENY  # an order of another state


def test_05_age_by_item_and_route_oregon_rhode_island_new_york() -> None:
    ages = law("""
        - key: OR-strips
          place: OR
          items: [fentanyl-strips]
          effect: allow
          min_age: 15
        - key: OR-syringes
          place: OR
          items: [syringe-kit]
          effect: allow
          min_age: 18
        - key: NY-syringes
          place: NY
          items: [syringe-kit]
          effect: allow
          min_age: 18
          age_channels: [pharmacy]
    """)
    assert [answer(ages, in_("OR"), STRIPS, Facts(age=age)) for age in (None, 14, 15)] == [ASK, DENY, ALLOW]
    assert [answer(ages, in_("OR"), SYRINGE_KIT, Facts(age=age)) for age in (None, 17, 18)] == [ASK, DENY, ALLOW]
    assert answer(ages, in_("NY"), SYRINGE_KIT) == ALLOW  # the age is the pharmacies'
    assert (whole(ages, in_("OR"), STRIPS).asks, whole(ages, in_("OR"), STRIPS).min_age) == (("age",), 15)


@pytest.mark.parametrize(
    ("state", "needed"),
    [
        ("FL", ["county-ordinance"]),
        ("KY", ["board-of-health", "fiscal-court", "city"]),
        ("WV", ["county-commission", "municipality", "license"]),
    ],
)
def test_06_local_approvals_all_together(state: str, needed: list[str]) -> None:
    rules = f"""
        - key: {state}-syringes
          place: {state}
          items: [syringe-kit]
          effect: allow
          credentials: [[{", ".join(needed)}]]
    """
    here = frozenset({state})
    papers = [Held(kind, places=here) for kind in needed]
    assert answer(law(rules, *papers), in_(state), SYRINGE_KIT) == ALLOW
    for missing in range(len(papers)):
        fewer = papers[:missing] + papers[missing + 1 :]
        assert answer(law(rules, *fewer), in_(state), SYRINGE_KIT) == DENY


def test_07_either_authority_california_or_both_maryland() -> None:
    rules = """
        - key: CA-syringes
          place: CA
          items: [syringe-kit]
          effect: allow
          credentials: [[local-approval:CA], [cdph-approval:CA]]
        - key: MD-syringes
          place: MD
          items: [syringe-kit]
          effect: allow
          credentials: [[state-approval:MD, local-health-officer:MD]]
    """
    for one in ("local-approval:CA", "cdph-approval:CA"):
        assert answer(law(rules, Held(one)), in_("CA"), SYRINGE_KIT) == ALLOW
    assert answer(law(rules), in_("CA"), SYRINGE_KIT) == DENY
    assert answer(law(rules, Held("state-approval:MD")), in_("MD"), SYRINGE_KIT) == DENY
    both = (Held("state-approval:MD"), Held("local-health-officer:MD"))
    assert answer(law(rules, *both), in_("MD"), SYRINGE_KIT) == ALLOW


def test_08_default_deny_with_named_exceptions_texas_pennsylvania() -> None:
    rules = law("""
        - key: TX-syringes
          place: TX
          items: [syringe-kit]
          effect: deny
        - key: TX-bexar
          place: county:48029
          items: [syringe-kit]
          effect: allow
        - key: PA-syringes
          place: PA
          items: [syringe-kit]
          effect: deny
        - key: PA-enclaves
          place: area:enclaves
          items: [syringe-kit]
          effect: allow
    """, areas="""
        - code: enclaves
          name: Philadelphia and Allegheny
          kind: district
          counties: ["42101", "42003"]
          source: Fox43
          source_date: "2025"
    """)  # fmt: skip
    assert answer(rules, county("48029", "TX"), SYRINGE_KIT) == ALLOW
    assert answer(rules, county("48201", "TX"), SYRINGE_KIT) == DENY
    assert [answer(rules, county(fips, "PA"), SYRINGE_KIT) for fips in ("42101", "42003", "42043")] == [
        ALLOW,
        ALLOW,
        DENY,
    ]
    border = place("78006", "TX", counties=("48029", "48259"))
    assert whole(rules, border, SYRINGE_KIT).asks == ("county",)
    assert answer(rules, border, SYRINGE_KIT, Facts(county="48259")) == DENY


def test_09_default_allow_with_local_bans_michigan_colorado() -> None:
    rules = law("""
        - key: MI-syringes
          place: MI
          items: [syringe-kit]
          effect: allow
        - key: MI-example-city
          place: area:example-city
          items: [syringe-kit]
          effect: deny
          scope: municipality
        - key: CO-syringes
          place: CO
          items: [syringe-kit]
          effect: allow
        - key: CO-pueblo
          place: area:pueblo
          items: [syringe-kit]
          effect: deny
          scope: municipality
          valid_from: 2024-05-01
          valid_to: 2024-08-21
          note: Struck down on 2024-08-22.
    """, areas="""
        - {code: example-city, name: Example City, kind: municipality, zips: ["48001"], source: x, source_date: "2024"}
        - {code: pueblo, name: Pueblo, kind: municipality, zips: ["81003"], source: x, source_date: "2024"}
    """)  # fmt: skip
    assert answer(rules, place("48002", "MI"), SYRINGE_KIT) == ALLOW
    assert answer(rules, place("48001", "MI"), SYRINGE_KIT) == DENY
    pueblo = place("81003", "CO")
    assert answer(rules, pueblo, SYRINGE_KIT, on=date(2024, 8, 21)) == DENY
    assert answer(rules, pueblo, SYRINGE_KIT, on=date(2024, 8, 22)) == ALLOW  # the void ban is over


def test_10_return_for_each_means_no_mail_indiana_florida_west_virginia() -> None:
    rules = law("""
        - key: IN-syringes
          place: IN
          items: [syringe-kit]
          effect: allow
          in_person: [returns]
        - key: ME-syringes
          place: ME
          items: [syringe-kit]
          effect: allow
    """)
    assert answer(rules, in_("IN"), SYRINGE_KIT) == DENY
    assert "returns" in whole(rules, in_("IN"), SYRINGE_KIT).reasons[0].why
    assert answer(rules, in_("ME"), SYRINGE_KIT) == ALLOW


def test_11_residency_with_a_neighbor_exception_marion_county() -> None:
    rules = law("""
        - key: IN-syringes
          place: IN
          items: [syringe-kit]
          effect: deny
        - key: IN-marion-and-neighbors
          place: area:marion-and-neighbors
          items: [syringe-kit]
          effect: allow
          recorded: [ID that proves residence in Marion or one of its neighbor counties]
        - key: IN-clark
          place: county:18019
          items: [syringe-kit]
          effect: allow
          in_person: [residency]
    """, areas="""
        - {code: marion-and-neighbors, name: Marion and its neighbors, kind: district, counties: ["18097", "18057"],
           source: Indiana Public Media, source_date: "2026-03"}
    """)  # fmt: skip
    assert answer(rules, county("18097", "IN"), SYRINGE_KIT) == ALLOW
    assert answer(rules, county("18057", "IN"), SYRINGE_KIT) == ALLOW  # Hamilton, a neighbor
    assert answer(rules, county("18141", "IN"), SYRINGE_KIT) == DENY
    assert answer(rules, county("18019", "IN"), SYRINGE_KIT) == DENY  # where it has to be shown in person


def test_12_quantity_caps_maine_connecticut() -> None:
    rules = """
        - key: ME-syringes
          place: ME
          items: [component:syringe, syringe]
          effect: allow
          most_per_order: 100
        - key: CT-syringes
          place: CT
          items: [component:syringe, syringe]
          effect: allow
          most_per_order: 10
        - key: VT-syringes
          place: VT
          items: [syringe]
          effect: allow
          most_per_period: [100, 30]
    """
    caps = law(rules)
    assert [answer(caps, in_("ME"), SYRINGE, units=units) for units in (100, 101)] == [ALLOW, DENY]
    assert [answer(caps, in_("ME"), SYRINGES, units=kits) for kits in (10, 11)] == [ALLOW, DENY]  # of ten syringes each
    assert [answer(caps, in_("CT"), SYRINGES, units=kits) for kits in (1, 2)] == [ALLOW, DENY]
    assert whole(caps, in_("ME"), SYRINGES).most == 10
    sent = [Facts(sent={"VT-syringes": units}) for units in (100, 101)] + [Facts(sent={}), NOBODY]
    assert [answer(caps, in_("VT"), SYRINGE, facts, units=10) for facts in sent] == [ALLOW, REVIEW, REVIEW, ALLOW]
    assert answer(caps, in_("VT"), SYRINGE, units=101) == DENY  # in one request


def test_13_channel_new_jersey_georgia_maine() -> None:
    rules = law("""
        - key: NJ-syringes
          place: NJ
          items: [syringe-kit]
          effect: allow
          channels: [site, mail, delivery]
        - key: GA-syringes
          place: GA
          items: [syringe-kit]
          effect: allow
          channels: [site]
        - key: ME-syringes
          place: ME
          items: [syringe-kit]
          effect: allow
          channels: [site]
        - key: ME-operation-area
          place: area:operation-area
          items: [syringe-kit]
          effect: allow
          channels: [site, delivery, mail]
    """, areas="""
        - {code: operation-area, name: Operation Area, kind: district, counties: ["23005"], source: x,
           source_date: "2025"}
    """)  # fmt: skip
    assert answer(rules, in_("NJ"), SYRINGE_KIT) == ALLOW
    assert answer(rules, in_("GA"), SYRINGE_KIT) == DENY
    assert answer(rules, county("23005", "ME"), SYRINGE_KIT) == ALLOW
    assert answer(rules, county("23001", "ME"), SYRINGE_KIT) == DENY


def test_14_operator_type_delaware_massachusetts() -> None:
    rules = law("""
        - key: DE-strips
          place: DE
          items: [fentanyl-strips]
          effect: allow
          operators: [nonprofit, lay]
        - key: MA-strips
          place: MA
          items: [fentanyl-strips]
          effect: allow
          ends: origin
          operators: [harm-reduction]
        - key: MA-strips-there
          place: MA
          items: [fentanyl-strips]
          effect: allow
          ends: destination
    """)

    def sent_by(operator: str, state: str) -> Effect:
        return answer(rules, in_(state), STRIPS, origin=Origin("A", state, operator=operator))

    assert [sent_by(who, "DE") for who in ("nonprofit", "lay", "pharmacy", "")] == [ALLOW, ALLOW, DENY, REVIEW]
    assert [sent_by(who, "MA") for who in ("harm-reduction", "pharmacy")] == [ALLOW, DENY]


def test_15_approval_with_number_and_end_illinois_georgia_wayne_county() -> None:
    rules = """
        - key: IN-wayne
          place: county:18177
          items: [syringe-kit]
          effect: allow
          credentials: [[county-declaration]]
    """
    paper = Held(
        "county-declaration",
        places=frozenset({"county:18177"}),
        valid_from=date(2025, 7, 1),
        expires_on=date(2026, 7, 1),
    )
    days = [date(2025, 6, 30), date(2025, 7, 1), date(2026, 6, 30), date(2026, 7, 1)]
    assert [answer(law(rules, paper), county("18177", "IN"), SYRINGE_KIT, on=day) for day in days] == [
        DENY,
        ALLOW,
        ALLOW,
        DENY,
    ]


def test_16_enclosures_and_cards_north_carolina_new_jersey_ohio() -> None:
    rules = law("""
        - key: NC-syringes
          place: NC
          items: [syringe-kit]
          effect: allow
          enclosures: [Written verification for participants]
        - key: VA-syringes
          place: VA
          items: [syringe-kit]
          effect: allow
    """)
    assert whole(rules, in_("NC"), SYRINGE_KIT).enclosures == ("Written verification for participants",)
    assert whole(rules, in_("NC"), SYRINGE_KIT).effect == ALLOW
    assert whole(rules, in_("VA"), SYRINGE_KIT).enclosures == ()


def test_17_training_before_guam() -> None:
    rules = law("""
        - key: GU-naloxone
          place: GU
          items: [class:naloxone]
          effect: allow
          training: naloxone
    """)
    assert answer(rules, in_("GU"), SPRAY) == REVIEW
    assert answer(rules, in_("GU"), SPRAY, Facts(trained=frozenset({"naloxone"}))) == ALLOW


def test_18_statement_of_use_north_carolina_tennessee() -> None:
    rules = law("""
        - key: NC-strips
          place: NC
          items: [fentanyl-strips]
          effect: allow
          attest: The strips are for my own use.
          attest_es: Las tiras son para mi propio uso.
        - key: TN-strips
          place: TN
          items: [fentanyl-strips]
          effect: allow
          recorded: [They count as paraphernalia again where the person is charged with sale]
    """)
    asked = whole(rules, in_("NC"), STRIPS)
    agreed = asked.statements[0].key
    assert (asked.effect, asked.asks, agreed.partition(".")[0]) == (ASK, ("statement",), "NC-strips")
    assert answer(rules, in_("NC"), STRIPS, Facts(attested=frozenset({agreed}))) == ALLOW
    assert answer(rules, in_("NC"), STRIPS, Facts(attested=frozenset({"TN-strips"}))) == ASK
    assert strictest(rules, in_("NC"), STRIPS, None, NOBODY, ON).effect == DENY
    assert answer(rules, in_("TN"), STRIPS) == ALLOW


def test_19_begins_and_ends_west_virginia_oklahoma() -> None:
    rules = law("""
        - key: WV-xylazine-before
          place: WV
          items: [xylazine-strips]
          effect: allow
          valid_to: 2023-06-08
        - key: WV-xylazine-gap
          place: WV
          items: [xylazine-strips]
          effect: deny
          valid_from: 2023-06-09
          valid_to: 2024-01-25
        - key: WV-xylazine
          place: WV
          items: [xylazine-strips]
          effect: allow
          valid_from: 2024-01-26
        - key: OK-syringes
          place: OK
          items: [syringe-kit]
          effect: allow
          valid_to: 2026-07-01
    """)
    days = [date(2023, 6, 8), date(2023, 6, 9), date(2024, 1, 25), date(2024, 1, 26), date(2026, 12, 1)]
    assert [answer(rules, in_("WV"), XYLAZINE, on=day) for day in days] == [ALLOW, DENY, DENY, ALLOW, ALLOW]
    assert [answer(rules, in_("OK"), SYRINGE_KIT, on=date(2026, 7, day)) for day in (1, 2)] == [ALLOW, REVIEW]


def test_20_population_and_site_buffers_are_recorded_not_decided_tennessee() -> None:
    rules = law("""
        - key: TN-syringes
          place: TN
          items: [syringe-kit]
          effect: allow
          recorded:
            - 2,000 ft from schools and parks in a municipality of 55,440 to 55,450 people
            - 1,000 ft elsewhere
    """)
    assert answer(rules, in_("TN"), SYRINGE_KIT) == ALLOW
    rule = rules.book.rule("TN-syringes")
    assert rule is not None and len(rule.recorded) == 2


def test_21_money_that_may_not_have_bought_it() -> None:
    rules = law("""
        - key: US-federal-grants
          place: US
          items: [class:strips, class:syringes, syringe-kit]
          effect: allow
          scope: federal
          not_funds: [federal]
        - key: TN-syringes
          place: TN
          items: [syringe-kit]
          effect: allow
          not_funds: [state]
        - key: TN-naloxone
          place: TN
          items: [class:naloxone]
          effect: allow
    """)
    assert whole(rules, in_("TN"), SYRINGE_KIT).not_funds == ("federal", "state")
    assert whole(rules, in_("TN"), SYRINGE_KIT).effect == ALLOW
    assert whole(rules, in_("TN"), SPRAY).not_funds == ()


def test_22_overlays_only_tighten_tribal_land_enclave_military() -> None:
    rules = law("""
        - key: NM-syringes
          place: NM
          items: [syringe-kit]
          effect: allow
        - key: NM-strips
          place: NM
          items: [fentanyl-strips]
          effect: deny
        - key: US-tribal-syringes
          place: area:nation
          items: [syringe-kit]
          effect: review
        - key: US-tribal-strips
          place: area:nation
          items: [fentanyl-strips]
          effect: allow
        - key: KY-strips
          place: KY
          items: [fentanyl-strips]
          effect: allow
        - key: US-campbell
          place: area:campbell
          items: [fentanyl-strips]
          effect: review
        - key: AE-naloxone
          place: AE
          items: [class:naloxone]
          effect: allow
        - key: US-military
          place: military
          items: [class:naloxone]
          effect: review
    """, areas="""
        - {code: nation, name: A nation, kind: tribal, zips: ["87301"], source: x, source_date: "2026"}
        - {code: campbell, name: Fort Campbell, kind: enclave, zips: ["42223"], source: x, source_date: "2026"}
    """)  # fmt: skip
    assert answer(rules, place("87301", "NM"), SYRINGE_KIT) == REVIEW
    assert answer(rules, place("87501", "NM"), SYRINGE_KIT) == ALLOW
    assert answer(rules, place("87301", "NM"), STRIPS) == DENY  # an overlay that allows opens nothing
    assert answer(rules, place("42223", "KY"), STRIPS) == REVIEW
    assert answer(rules, place("09003", "AE", kind=ZipKind.MILITARY), SPRAY) == REVIEW


def test_23_ambiguous_place_86514() -> None:
    rules = law("""
        - key: AZ-syringes
          place: AZ
          items: [syringe-kit]
          effect: allow
        - key: NM-syringes
          place: NM
          items: [syringe-kit]
          effect: allow
          credentials: [[program:NM]]
        - key: UT-syringes
          place: UT
          items: [syringe-kit]
          effect: allow
        - key: US-strips
          place: US
          items: [fentanyl-strips]
          effect: allow
          scope: nation
    """)
    corners = place("86514", "AZ", "NM", "UT", counties=("04001", "35045", "49037"))
    assert (answer(rules, corners, SYRINGE_KIT), whole(rules, corners, SYRINGE_KIT).asks) == (ASK, ("state",))
    assert [answer(rules, corners, SYRINGE_KIT, Facts(state=state)) for state in ("AZ", "NM", "UT")] == [
        ALLOW,
        DENY,
        ALLOW,
    ]
    assert strictest(rules, corners, SYRINGE_KIT, None, NOBODY, ON).effect == DENY
    assert answer(rules, corners, STRIPS) == ALLOW  # all three agree: nobody is asked


def test_24_pending_or_disputed_law_goes_to_a_person_oklahoma() -> None:
    rules = law("""
        - key: OK-syringes
          place: OK
          items: [syringe-kit]
          effect: review
          legal_status: unclear
          citation: HB2012
          source: A bill page
          sentence: The law is not clear.
        - key: SC-syringes
          place: SC
          items: [syringe-kit]
          effect: allow
          confidence: low
        - key: PR-syringes
          place: PR
          items: [syringe-kit]
          effect: allow
          reviewed_by: null
          reviewed_on: null
    """)
    shown = whole(rules, in_("OK"), SYRINGE_KIT)
    assert (shown.effect, shown.reasons[0].citation, shown.reasons[0].source) == (REVIEW, "HB2012", "A bill page")
    assert shown.reasons[0].sentence == "The law is not clear."
    assert [answer(rules, in_(state), SYRINGE_KIT) for state in ("SC", "PR")] == [REVIEW, REVIEW]


def test_25_a_kit_passes_as_a_whole_and_its_lawful_parts_are_known() -> None:
    rules = law("""
        - key: IL-kit
          place: IL
          items: [starter-kit]
          effect: allow
        - key: IL-parts
          place: IL
          items: [foil, straw, fentanyl-strips]
          effect: allow
        - key: IL-pipes
          place: IL
          items: [pipe]
          effect: deny
    """)
    foil, straw, pipe = Product("foil"), Product("straw"), Product("pipe")
    kit = Product("starter-kit", parts=((foil, 2), (straw, 2), (STRIPS, 5), (pipe, 1)))
    assert answer(rules, in_("IL"), kit) == DENY
    assert answer(rules, in_("IL"), Product("starter-kit", parts=kit.parts[:3])) == ALLOW
    lawful = [part.code for part, _ in kit.parts if answer(rules, in_("IL"), part) == ALLOW]
    assert lawful == ["foil", "straw", "fentanyl-strips"]


def test_origin_and_destination_both_have_to_say_yes() -> None:
    rules = law("""
        - key: MN-syringes
          place: MN
          items: [syringe-kit]
          effect: allow
        - key: OH-syringes
          place: OH
          items: [syringe-kit]
          effect: deny
        - key: OH-naloxone
          place: OH
          items: [class:naloxone]
          effect: allow
        - key: MN-naloxone
          place: MN
          items: [class:naloxone]
          effect: allow
    """)
    ohio, minnesota = Origin("OH", "OH"), Origin("MN", "MN")
    assert answer(rules, in_("MN"), SYRINGE_KIT, origin=minnesota) == ALLOW
    assert answer(rules, in_("MN"), SYRINGE_KIT, origin=ohio) == DENY  # Ohio does not let it go
    assert answer(rules, in_("OH"), SYRINGE_KIT, origin=minnesota) == DENY
    assert answer(rules, in_("MN"), SPRAY, origin=ohio) == ALLOW
    assert answer(rules, in_("MN"), SPRAY, origin=Origin("TX", "TX")) == REVIEW  # nothing is said where it stands


def test_affiliates_mail_their_own_stock_in_their_own_state() -> None:
    rules = """
        - key: PA-vials
          place: PA
          items: [naloxone-im]
          effect: allow
          origins: [PA]
          credentials: [[standing-order]]
        - key: NY-vials
          place: NY
          items: [naloxone-im]
          effect: allow
          origins: [NY]
          credentials: [[standing-order]]
    """
    papers = [Held("standing-order", sites=frozenset({s}), places=frozenset({s})) for s in ("PA", "NY")]
    held = law(rules, *papers)
    assert answer(held, in_("PA"), VIAL, origin=Origin("PA", "PA")) == ALLOW
    assert answer(held, in_("NY"), VIAL, origin=Origin("NY", "NY")) == ALLOW
    assert answer(held, in_("PA"), VIAL, origin=Origin("NY", "NY")) == DENY
    assert answer(law(rules, papers[1]), in_("PA"), VIAL, origin=Origin("PA", "PA")) == DENY  # not held there
