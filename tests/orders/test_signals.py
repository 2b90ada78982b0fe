import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from distro import clock
from distro.app import create_app
from orders import effort, signals, triage
from orders.models import Order, Status
from tests.conftest import VisitorClient
from tests.depot import Depot
from tests.orders.forms import but_for_code, code_in, fields, filled, solve


@pytest.fixture
def full(depot: Depot) -> Depot:
    for item in ("naloxone-nasal", "fentanyl-strips", "wound-care-kit"):
        depot.shelve(item, 60, lot=f"L-{item[:3]}")
    depot.session.commit()
    return depot


def newest(depot: Depot) -> Order:
    depot.settle()
    return depot.session.scalars(select(Order).order_by(Order.id.desc()).limit(1)).one()


def test_a_filled_trap_is_taken_and_a_person_looks(full: Depot, client: FlaskClient) -> None:
    plain = client.post("/done", data=filled(client))
    assert newest(full).status == Status.ALLOCATED and newest(full).flags == []
    answer = client.post("/done", data=filled(client, more="http://example.org"))
    assert but_for_code(answer) == but_for_code(plain)
    order = newest(full)
    assert (order.status, order.flags, order.note) == (Status.HELD, ["robot"], signals.SAID["robot"])


def test_the_trap_says_what_it_is_and_stays_out_of_the_way(full: Depot, client: FlaskClient) -> None:
    page = client.post("/check", data=filled(client)).text
    assert '<p class="unseen" aria-hidden="true"><label for="more">Leave this empty</label>' in page
    assert 'tabindex="-1" autocomplete="off"' in page and "effort.js" not in page
    assert "Deje esto vacío" in client.post("/es/check", data=filled(client)).text


@pytest.mark.parametrize(("seconds", "flags"), [(0, ["fast"]), (2, ["fast"]), (4, []), (3_600, [])])
def test_a_form_sent_at_once_is_taken_and_a_person_looks(
    full: Depot, client: FlaskClient, seconds: int, flags: list[str]
) -> None:
    with clock.at(clock.now().replace(microsecond=0)):
        with clock.at(clock.now() - timedelta(seconds=seconds)):
            form = fields(client.get("/").text)["form"]
        assert code_in(client.post("/done", data=filled(client, form=form)))
    assert newest(full).flags == flags


GROUPS = (
    "Sample Clinic|St. Paul Clinics|Acme, Inc.|ACME L.L.C.|City of Sampleton|Salvation Army|Health Dept|Health Dept.|"
    "Sample County Health Department|First Baptist Church|Church of Sample|Kelly Foundation|Sample Hospitals|"
    "Sample Community Hospital|Sample Harm Reduction|Needle Exchange|Clínica Muestra|Cli\u0301nica Norte|"
    "Clínicas Muestra|Iglesia Bautista Muestra|Centro de Salud|La Fundación Muestra|Farmacia Muestra"
)
PEOPLE = (
    "Robin Example|Ana Hospital|Juan Corp|Foundation Kelly|Maria Corpus|Inca Roca|Church Example|Robin Church|"
    "Maria Iglesias|Juan Iglesia|J. Clinick|Ltdia|Salvation Kelly|Robin Army|Jo Centro|Ana de Salud|Maria Bautista|"
    "Salud Example"
)


@pytest.mark.parametrize("name", GROUPS.split("|"))
def test_names_of_organizations_are_told(name: str) -> None:
    assert signals.reads_like_a_group(name)


@pytest.mark.parametrize("name", PEOPLE.split("|"))
def test_names_of_people_are_not(name: str) -> None:
    assert not signals.reads_like_a_group(name)


@pytest.mark.parametrize(("name", "status"), [("Sample Clinic", Status.HELD), ("Ana Hospital", Status.ALLOCATED)])
def test_a_group_goes_to_a_person(full: Depot, name: str, status: Status) -> None:
    full.request(name=name)
    assert newest(full).status == status


def test_the_most_of_many_items_goes_to_a_person(full: Depot) -> None:
    full.request({"naloxone-nasal": 3, "fentanyl-strips": 3})
    assert newest(full).status == Status.ALLOCATED
    full.request({"naloxone-nasal": 3, "fentanyl-strips": 3, "wound-care-kit": 3}, line1="2 Sample St")
    order = newest(full)
    assert order.status == Status.HELD and order.note == signals.SAID["bulk"].format(count=3)


def test_the_third_request_of_a_home_in_a_day_goes_to_a_person(full: Depot) -> None:
    found = []
    for _ in range(3):
        full.request(line1="1 Sample St")
        found.append(newest(full).status)
    assert found == [Status.ALLOCATED, Status.ALLOCATED, Status.HELD]
    with clock.at(clock.now() + timedelta(days=1)):
        full.request(line1="1 Sample St")
        assert newest(full).status == Status.ALLOCATED


def test_more_than_one_request_may_have_goes_to_a_person_who_may_let_it_go(full: Depot) -> None:
    full.request({"naloxone-nasal": 4})
    order = newest(full)
    assert (order.status, order.note) == (Status.HELD, "It asks for 4 of Naloxone nasal. One request may have 3.")
    triage.release(full.session, order, reason="seen", by="manager", at=clock.now())
    full.settle()
    assert order.status == Status.ALLOCATED and order.released_for == ["most naloxone-nasal"]


def test_what_was_stopped_or_waits_for_a_person_is_no_request_of_the_day(full: Depot) -> None:
    for status in (Status.CANCELLED, Status.DECLINED, Status.HELD):
        full.request(line1="1 Sample St")
        newest(full).status = status
        full.session.commit()
    full.request(line1="1 Sample St")
    assert newest(full).status == Status.ALLOCATED


@pytest.mark.parametrize("behind", [0, 5])
def test_a_renewed_form_may_be_sent_at_once_also_where_a_clock_is_behind(
    full: Depot, client: FlaskClient, behind: int
) -> None:
    with clock.at(clock.now() - timedelta(hours=7)):
        form = filled(client)
    renewed = fields(client.post("/done", data=form).text)
    with clock.at(clock.now() - timedelta(seconds=behind)):
        assert code_in(client.post("/done", data=renewed))
    assert newest(full).flags == []


def test_a_form_made_by_a_clock_ahead_of_ours_says_nothing() -> None:
    now = clock.now()
    assert signals.flags(trap="", made=now + timedelta(seconds=2), now=now, effort=None) == []
    assert signals.flags(trap="", made=now - timedelta(seconds=2), now=now, effort=None) == ["fast"]  # the control


@pytest.mark.parametrize("spam", ["", "buy now"])
def test_a_failure_in_between_takes_no_answer_and_no_sign_away(full: Depot, spam: str) -> None:
    """The weekly keys are away: the page that asks to try again carries the proof of work, and the filled trap."""
    hard = create_app(full.settings.__class__(**{**vars(full.settings), "effort_bits": 4}))
    hard.test_client_class = VisitorClient
    client = hard.test_client()
    form = filled(client, more=spam)
    form["effort"] = solve(str(form["form"]), 4)
    keys = full.settings.public_keys
    away = keys.rename(keys.with_suffix(".away"))
    failed = client.post("/done", data=form)
    away.rename(keys)
    kept = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', failed.text)
    assert failed.status_code == 503 and code_in(client.post("/done", data=MultiDict(kept)))
    assert newest(full).flags == (["robot"] if spam else [])


def test_whoever_writes_the_database_cannot_take_a_flag_away(full: Depot, client: FlaskClient) -> None:
    client.post("/done", data=filled(client, more="x"))
    order = full.session.scalars(select(Order)).one()
    order.flags = []
    full.session.commit()
    full.settle()
    assert order.status == Status.HELD and "could not be checked" in order.note


def test_proof_of_work_is_asked_checked_and_never_needed(full: Depot) -> None:
    hard = create_app(full.settings.__class__(**{**vars(full.settings), "effort_bits": 8}))
    hard.test_client_class = VisitorClient
    client = hard.test_client()
    page = client.post("/check", data=filled(client))
    form = fields(page.text)
    assert effort.puzzle(form["form"]) in page.text and 'data-bits="8"' in page.text
    assert 'effort.js"' in page.text and "effort.js" not in client.get("/").text
    good = solve(form["form"], 8)
    wrong = next(str(n) for n in range(1_000) if not effort.is_solved(form["form"], str(n), 8))
    form["effort"] = good
    with clock.at(clock.now() + timedelta(seconds=9)):
        assert client.post("/done", data=form).status_code == 200
    assert newest(full).flags == []
    for number, answer in enumerate(("", wrong, good, "²", "9" * 21)):  # `good` is another form's: no use here
        data = filled(client, effort=answer, line1=f"{number + 2} Sample St")
        if effort.is_solved(str(data["form"]), answer, 8):
            continue  # once in 256
        assert code_in(client.post("/done", data=data))
        order = newest(full)
        assert (order.status, order.flags) == (Status.HELD, ["no-effort"])


def test_a_puzzle_is_as_hard_as_it_says() -> None:
    tries = [int(solve(f"form {number}", 6)) + 1 for number in range(200)]
    assert 40 < sum(tries) / len(tries) < 100  # 64 on average
    assert not effort.is_solved("form 1", solve("form 0", 20), 20)
