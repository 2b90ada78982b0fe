"""What someone with a code asks for on the public pages, and what the scheduler makes of it."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, insert, select
from werkzeug.datastructures import MultiDict

from distro import clock, jobs
from distro.audit import AuditEntry
from distro.config import current_settings
from inventory.models import Item
from orders import choices, words, workflow
from orders.correction import EDITED
from orders.identity import open_person
from orders.models import Instruction, Status
from orders.words import Words
from tests.depot import Depot
from tests.orders.forms import fields
from tests.orders.test_instructions import NONCE, follow, look, packed, statements_of

NEW = {"name": "Robin Example", "line1": "22 Mended Ave", "city": "Sampleton", "state": "OH", "zip": "43215"}


def blank(client: FlaskClient, depot: Depot, prefix: str = "") -> MultiDict[str, str]:
    """The empty form for another address."""
    page = client.post(f"{prefix}/correct", data={"code": depot.code_of(NONCE)})
    assert page.status_code == 200, page.text
    return fields(page.text)


def corrected(client: FlaskClient, depot: Depot, **typed: str) -> str:
    form = blank(client, depot).to_dict() | NEW | typed
    return client.post("/correct", data=form | {"yes": "1"}).text


def edits(depot: Depot) -> list[tuple[str, str]]:
    query = select(AuditEntry.actor, AuditEntry.subject).where(AuditEntry.action == EDITED)
    return [(row.actor, row.subject) for row in depot.session.execute(query)]


def test_an_address_is_corrected_before_it_is_packed(client: FlaskClient, depot: Depot) -> None:
    lot = depot.shelve()
    order = depot.allocated(nonce=NONCE, email="robin@example.org", untracked=True)
    form = blank(client, depot).to_dict()
    assert "22 Mended" not in str(form) and "Sample St" not in str(form)
    written = statements_of(lambda: corrected(client, depot), "INSERT", "UPDATE", "DELETE")
    assert [statement.split()[:3] for statement in written] == [["INSERT", "INTO", "instructions"]]
    kept = depot.session.scalars(select(Instruction)).one()
    assert b"Mended" not in (kept.sealed or b"")
    assert "We are changing the address now" in look(client, depot).text
    follow(depot)
    person = open_person(order, depot.keys)
    assert (person.line1, person.email, person.untracked) == ("22 Mended Ave", "robin@example.org", True)
    assert edits(depot) == [("participant", order.document)]
    assert order.status == Status.RECEIVED and depot.balance(lot).reserved == 0  # triage has not seen this one
    depot.settle()
    assert order.status == Status.ALLOCATED


def test_on_the_table_only_another_home_is_decided_anew(client: FlaskClient, depot: Depot) -> None:
    """Else a correction while somebody packs would pass by what a home may get."""
    lot, order = depot.shelve(), depot.allocated(nonce=NONCE, line1="1 Sample St")
    packer = depot.user("packer")
    workflow.pick(depot.session, order, "LOT1", packer=packer, today=clock.today())
    corrected(client, depot, name="Robin Other", line1="1 Sample St")
    follow(depot)
    assert (order.status, open_person(order, depot.keys).name) == (Status.PICKING, "Robin Other")
    for step in ("picking", "packed"):
        with clock.at(clock.now() + timedelta(seconds=len(edits(depot)))):
            corrected(client, depot, line1=f"2 {step} St")
            follow(depot)
        assert (order.status, order.parcel, depot.balance(lot).reserved) == (Status.RECEIVED, None, 0)
        depot.settle()
        assert order.status == Status.ALLOCATED
        workflow.pick(depot.session, order, "LOT1", packer=packer, today=clock.today())
        workflow.pack(depot.session, order, packer=packer, today=clock.today())
        depot.session.commit()


def test_an_old_row_corrects_nothing_again(client: FlaskClient, depot: Depot) -> None:
    """Whoever can write the database puts back an instruction that was carried out; also with another time."""
    order, rows = depot.request(nonce=NONCE), []
    for seconds, line1 in enumerate(("1 Old Rd", "2 Safe Rd")):
        with clock.at(clock.now() + timedelta(seconds=seconds)):
            corrected(client, depot, line1=line1)
            rows.append(dict(depot.session.execute(select(Instruction.__table__)).mappings().one()))
            follow(depot)
    later = rows[0] | {"asked_at": clock.now() + timedelta(hours=1)}
    for row in (rows[0], rows[1], later):
        depot.session.execute(insert(Instruction.__table__).values({**row, "id": 99}))  # type: ignore[arg-type]
        follow(depot)
        assert open_person(order, depot.keys).line1 == "2 Safe Rd"
    dropped = select(AuditEntry.subject).where(AuditEntry.action == "forged instruction")
    assert depot.session.scalars(dropped).all() == [order.document] * 3 and len(edits(depot)) == 2


def test_a_form_sent_twice_corrects_once(client: FlaskClient, depot: Depot) -> None:
    depot.request(nonce=NONCE)
    form = blank(client, depot).to_dict() | NEW | {"yes": "1"}
    for _ in range(2):
        assert client.post("/correct", data=form).status_code == 200
    assert depot.session.scalar(select(func.count()).select_from(Instruction)) == 1
    follow(depot)
    assert len(edits(depot)) == 1


@pytest.mark.parametrize("after", ["the page", "the instruction"])
def test_after_the_label_nothing_changes_and_the_status_says_so(client: FlaskClient, depot: Depot, after: str) -> None:
    order = packed(depot)
    before = open_person(order, depot.keys)
    form = blank(client, depot).to_dict() | NEW | {"yes": "1"}
    if after == "the instruction":
        assert client.post("/correct", data=form).status_code == 200
    workflow.note_label(depot.session, order, at=clock.now())
    depot.session.commit()
    if after == "the page":
        assert client.post("/correct", data=form).status_code == 409
    follow(depot)
    assert open_person(order, depot.keys) == before and order.status == Status.PACKED and edits(depot) == []
    page = look(client, depot).text
    assert "the address cannot be changed any more" in page and "/correct" not in page


def test_mistakes_keep_what_was_typed(client: FlaskClient, depot: Depot) -> None:
    depot.request(nonce=NONCE)
    for typed, told in (({"zip": "4321"}, "5 digits"), ({"name": ""}, "name for the package")):
        page = corrected(client, depot, **typed)
        assert told in page and "22 Mended Ave" in page and depot.code_of(NONCE) in page
    old = clock.now() - timedelta(hours=7)
    with clock.at(old):
        form = blank(client, depot).to_dict()
    answer = client.post("/correct", data=form | NEW | {"yes": "1"})
    assert answer.status_code == 422 and "open for a long time" in answer.text and "22 Mended Ave" in answer.text
    assert client.post("/correct", data=fields(answer.text).to_dict() | {"yes": "1"}).status_code == 200
    assert depot.session.scalar(select(func.count()).select_from(Instruction)) == 1


def test_changing_the_language_sends_nothing(client: FlaskClient, depot: Depot) -> None:
    depot.request(nonce=NONCE)
    form = blank(client, depot).to_dict() | NEW
    page = client.post("/es/correct", data=form).text
    assert "22 Mended Ave" in page and "¿A dónde" in page
    assert depot.session.scalar(select(func.count()).select_from(Instruction)) == 0


def test_another_state_is_asked_about_and_triage_decides(client: FlaskClient, depot: Depot) -> None:
    """Tennessee forbids the strips: this page does not know what was asked for, and says what cannot go there."""
    depot.shelve("fentanyl-strips", lot="LOT9")
    order = depot.allocated({"fentanyl-strips": 1}, nonce=NONCE)
    there = {"zip": "42223", "state": "TN"}
    page = corrected(client, depot, **there)
    assert page.count("We may not send some things there") == page.count("Fentanyl strips") == 1
    assert 'class="problems doubts"' in page and "Please check:" in page and "press the button once more" in page
    assert depot.session.scalar(select(func.count()).select_from(Instruction)) == 0
    again = fields(page).to_dict() | {"yes": "1"}
    assert client.post("/correct", data=again).status_code == 200
    follow(depot)
    depot.settle()
    assert (order.status, order.state) == (Status.HELD, "TN") and "We may not send" in order.note
    assert "getting it ready" in look(client, depot).text


@pytest.mark.parametrize(("path", "words"), [("/lost", "give the mail a little more time"), ("/correct", "too late")])
def test_what_does_not_fit_is_refused(client: FlaskClient, depot: Depot, path: str, words: str) -> None:
    order = packed(depot)
    workflow.note_label(depot.session, order, at=clock.now())
    workflow.ship(depot.session, order, by="packer", at=clock.now(), today=clock.today())
    depot.session.commit()
    answer = client.post(path, data={"code": depot.code_of(NONCE), "yes": "1"})
    assert answer.status_code == 409 and words in answer.text


def test_the_pages_need_a_code(client: FlaskClient, depot: Depot) -> None:
    for path in ("/correct", "/lost", "/message"):
        assert client.get(f"/es{path}").headers["Location"] == "/es/status"
        assert client.post(path, data={"code": "wrong", "yes": "1"}).status_code == 404


def test_a_forged_address_changes_nothing(client: FlaskClient, depot: Depot) -> None:
    """Whoever can write the database copies the words of another order's instruction, or seals words of their own."""
    depot.request(nonce=NONCE)
    corrected(client, depot)
    kept = depot.session.scalars(select(Instruction)).one()
    kept.proof = bytes(32)
    depot.session.commit()
    follow(depot)
    assert edits(depot) == []
    query = select(AuditEntry.action).where(AuditEntry.action == "forged instruction")
    assert len(depot.session.scalars(query).all()) == 1


def test_words_that_cannot_be_an_address_are_dropped(
    client: FlaskClient, depot: Depot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    order = depot.request(nonce=NONCE)
    monkeypatch.setattr("orders.code_pages._sealed", _nonsense)
    corrected(client, depot)
    follow(depot)
    assert edits(depot) == [] and "PersonUnreadable" in caplog.text and order.sealed is not None
    jobs.follow_instructions(depot.session, depot.settings)


def _nonsense(kind: str, said: object) -> Words:
    uid = words.uid_of("x", kind, b"0" * 16)
    return words.seal(current_settings(), uid, {"name": "", "line1": ["x"], "zip": "nowhere"}, clock.today())


def test_a_thing_of_several_kinds_is_named_once() -> None:
    kinds = [
        Item(code=one, family="syringes", name=f"Syringe kit {one}", name_es="", variant=one, variant_es="")
        for one in ("27G", "29G")
    ]
    assert choices.named(kinds, ["27G", "29G"]) == ["Syringe kit"]
    assert choices.named(kinds, ["29G"]) == ["Syringe kit 29G"]  # the other kind may go
