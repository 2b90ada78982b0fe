"""The short training: offered where a made-up rule wants one, it teaches, and what was learnt stays with the order."""

from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import select

from distro import clock
from geo import ruletext
from orders import cards, identity
from orders.identity import Task
from orders.models import Order, Status
from tests.depot import Depot, put_in_force, rule
from tests.orders.forms import fields, filled

FORM = {"item": ["naloxone-nasal"], "zip": "43215", "name": "Robin Example", "many-naloxone-nasal": "1"}
OFFER = "Read 4 short cards and answer 5 questions"
CHECKS = "A person checks first"
KEY = "naloxone-basics"
RIGHT = {
    f"q{place}": str(next(at for at, choice in enumerate(question.choices) if choice.right))
    for place, question in enumerate(cards.deck().trainings[KEY].questions, 1)
}


def wants_training(depot: Depot, training: str = KEY) -> None:
    wanted = rule("US", "naloxone-nasal", "allow", training=training)
    put_in_force(depot.session, ruletext.new("A training", "2", [wanted]))
    depot.session.commit()
    depot.shelve()
    depot.session.commit()


def test_it_is_offered_and_what_was_typed_travels_through_it(client: FlaskClient, depot: Depot) -> None:
    wants_training(depot)
    page = client.post("/answer", data=FORM).text
    assert CHECKS in page and OFFER in page
    assert "Leer 4 tarjetas cortas" in client.post("/es/answer", data=FORM).text
    learn = client.post("/learn", data={**FORM, "todo": KEY}).text
    assert learn.count("<fieldset") == 5 and 'name="name" value="Robin Example"' in learn
    assert "Give one dose of naloxone." in learn and 'name="trained"' not in learn
    sent = {**FORM, "todo": KEY, "asked": "1", **RIGHT}
    learnt = client.post("/learn", data=sent).text
    assert "You know it. Thank you." in learnt and 'name="name" value="Robin Example"' in learnt
    mark = learnt.split('name="trained" value="')[1].split('"')[0]
    answer = client.post("/answer", data={**FORM, "trained": mark}).text
    assert "Yes, we can send this" in answer and OFFER not in answer and f'name="trained" value="{mark}"' in answer


def test_a_wrong_answer_is_explained_and_chosen_again_and_nobody_has_failed(client: FlaskClient) -> None:
    wrong = {**RIGHT, "q1": "0", "q4": "1"}
    page = client.post("/learn", data={"asked": "1", "todo": KEY, **wrong}).text
    assert "they could drown" in page and page.count("Please choose again.") == 2 and 'name="trained"' not in page
    assert 'value="0" id="q1-0" checked' in page and "ailed" not in page and "score:" not in page
    assert (
        "could ahogarse" not in page and "puede ahogarse" in client.post("/es/learn", data={"asked": "1", **wrong}).text
    )
    nothing = client.post("/learn", data={"asked": "1"}).text
    assert nothing.count("Please choose an answer.") == 5
    odd = client.post("/learn", data={"asked": "1", "q1": "99", "q2": "<x>", "todo": "A B"}).text
    assert odd.count("Please choose an answer.") == 5 and "A B" not in odd
    assert "You know it." in client.post("/learn", data={"asked": "1", **RIGHT}).text


def test_anyone_may_take_it_without_a_request(client: FlaskClient) -> None:
    assert 'action="/learn"' in client.get("/learn").text and 'href="/learn"' in client.get("/cards").text


def test_what_was_learnt_is_sealed_with_the_order_and_no_person_has_to_look(client: FlaskClient, depot: Depot) -> None:
    wants_training(depot)
    for marks, status in (([cards.mark(KEY)], Status.ALLOCATED), ([f"{KEY}.00000000"], Status.HELD)):
        form = {**filled(client), "many-naloxone-nasal": "1", "trained": marks}
        assert client.post("/done", data=form).status_code == 200
        depot.settle()
        order = depot.session.scalars(select(Order).order_by(Order.id.desc())).first()
        assert order is not None
        assert order.status == status, (order.status, order.note)
        depot.session.commit()
    first = depot.session.scalars(select(Order).order_by(Order.id)).first()
    assert first is not None
    person = identity.view(depot.session, first, depot.keys, task=Task.LABEL, by="packer", at=clock.now())
    assert person.trained == (KEY,)


def test_it_travels_over_every_page_of_the_request(client: FlaskClient, depot: Depot) -> None:
    wants_training(depot)
    form = {**filled(client), "trained": [cards.mark(KEY)]}
    for path in ("/", "/answer", "/where", "/contact", "/check"):
        page = client.post(path, data=form).text
        assert fields(page).get("trained") == cards.mark(KEY), path


def test_no_quiz_stands_in_for_a_training_that_we_do_not_have(client: FlaskClient, depot: Depot) -> None:
    other = "in-person-by-pharmacist"
    wants_training(depot, other)
    page = client.post("/answer", data=FORM).text
    assert CHECKS in page and OFFER not in page and "a short training comes first" in page
    learn = client.post("/learn", data={**FORM, "todo": other, "asked": "1", **RIGHT}).text
    assert 'name="trained"' not in learn and other not in learn
    assert cards.taught([other, KEY, KEY]) == [KEY] and cards.done([f"{other}.{cards.mark(KEY)[-8:]}"]) == ()
    form = {
        **filled(client),
        "many-naloxone-nasal": "1",
        "trained": [f"{other}.{cards.mark(KEY)[-8:]}", cards.mark(KEY)],
    }
    assert client.post("/done", data=form).status_code == 200
    depot.settle()
    order = depot.session.scalars(select(Order)).one()
    assert order.status == Status.HELD, "the quiz has met a training in person"


def test_the_words_that_rules_may_use_are_in_the_documents() -> None:
    told = Path("docs/cards.md").read_text(encoding="utf-8")
    assert all(f"`{key}`" in told for key in cards.deck().trainings)


def test_other_words_are_another_training() -> None:
    mark = cards.mark(KEY)
    assert cards.done([mark, mark]) == (KEY,) and cards.done([mark[:-1] + "x", KEY, ""]) == ()
    words = cards.SHIPPED.read_text(encoding="utf-8").replace("Yes. Both, at once.", "Yes. Both.")
    assert cards.read(words).trainings[KEY].digest not in mark
