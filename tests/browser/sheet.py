"""The participants' pages in order, each with a caption, on one picture for a language: `make screenshots` makes both.

The way goes by names and classes, never by words, on the running demo. What takes the scheduler a second is waited for;
what takes the post ten days is brought about in the demo's own database.
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from flask import Flask
from playwright.sync_api import Browser, FloatRect, Page, ViewportSize
from sqlalchemy import select, update

from distro import clock
from distro.app import create_app
from distro.config import Settings
from distro.db import db
from inventory.models import Site
from orders import resend, triage
from orders.models import Allocation, Order, Parcel, Status
from tests.browser import collage, tour
from tests.browser.conftest import DESKTOP
from tests.browser.demo import Demo

PHONE: ViewportSize = {"width": 390, "height": 844}
TALLEST = 2_450  # of a page on the sheet, in CSS pixels; what is below that fades out
OF_HELP = 180  # who else can help is on most pages: this much of it, but whole where it is the point
STEPS: dict[str, tuple[str, str]] = {  # picture -> caption; a name that ends in ":" begins a part
    "request:": ("A request", "Un pedido"),
    "start": ("Start", "Inicio"),
    "kinds": ("What, which kind, how many", "Qué, de qué tipo y cuántos"),
    "answer": ("What may go there", "Qué se puede enviar allí"),
    "where": ("The address", "La dirección"),
    "doubt": ("A doubt, which never blocks", "Una duda, que nunca impide"),
    "contact": ("Contact, or none", "Contacto, o ninguno"),
    "check": ("Check", "Revisar"),
    "done": ("Done, with a code", "Listo, con un código"),
    "code:": ("With the code", "Con el código"),
    "status": ("The code, one field", "El código, un solo campo"),
    "ready": ("How it is doing", "Cómo va"),
    "correct": ("Correct the address", "Corregir la dirección"),
    "message": ("Write to the program", "Escribir al programa"),
    "cancel": ("Cancel", "Cancelar"),
    "mailed": ("In the mail", "En el correo"),
    "again": ("Order again", "Pedir otra vez"),
    "again-done": ("Order again: done", "Pedir otra vez: listo"),
    "late": ("Ten days later", "Diez días después"),
    "lost": ("It never came", "Nunca llegó"),
    "lost-told": ("Another one goes", "Sale otro"),
    "erase": ("Erase now", "Borrar ya"),
    "erased": ("Erased", "Borrado"),
    "recalled": ("A recall still reaches them", "Un aviso aún llega"),
    "no:": ("When it is not yes", "Cuando no es un sí"),
    "problem": ("Something is missing", "Falta algo"),
    "some": ("Some of it", "Una parte"),
    "none": ("None of it, and who else helps", "Nada, y quién más ayuda"),
    "tell": ("Tell me when", "Avísenme"),
    "kept": ("We will tell you", "Le avisaremos"),
    "waits": ("Not all can go at once", "No todo puede salir ya"),
    "wrong": ("A code that is not known", "Un código que no existe"),
    "open": ("The last one is still open", "El último sigue abierto"),
    "know:": ("To know, to tell, to leave", "Saber, contar, salir"),
    "cards": ("In an emergency", "En una emergencia"),
    "card": ("One card", "Una tarjeta"),
    "quiz": ("Questions that teach", "Preguntas que enseñan"),
    "law": ("The law of a state", "La ley de un estado"),
    "told": ("Naloxone was used", "Se usó naloxona"),
    "voice": ("A voice", "Una voz"),
    "privacy": ("Privacy", "Privacidad"),
    "safety": ("Leaving", "Salir"),
    "groups:": ("Groups", "Grupos"),
    "groups": ("What the group needs", "Qué necesita el grupo"),
    "groups-answer": ("A person reads it", "Lo lee una persona"),
    "groups-where": ("Who asks", "Quién pide"),
    "groups-check": ("Check", "Revisar"),
    "groups-done": ("Done", "Listo"),
}


class Walk(NamedTuple):
    """A phone on the way through the demo in one language, and where its pictures go."""

    demo: Demo
    app: Flask
    page: Page
    prefix: str
    folder: Path
    cut: set[str]  # the pages that go on below their picture
    broken: list[str]  # the pages that the demo did not bring about: a picture of one would be worth nothing

    def take(self, name: str) -> None:
        """The page as it stands, from its top."""
        assert name in STEPS, name
        self.page.wait_for_load_state("networkidle")
        self.page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
        assert not self.broken, self.broken
        tall, most = self.page.evaluate("document.documentElement.scrollHeight"), TALLEST
        helps = self.page.locator(".help").bounding_box() if self.page.locator(".help").count() else None
        if helps and name != "none":
            most = min(most, int(helps["y"]) + OF_HELP)
        if tall > most:
            self.cut.add(name)
        clip = FloatRect(x=0, y=0, width=PHONE["width"], height=min(tall, most))
        self.page.screenshot(path=self.folder / f"{name}.png", full_page=True, clip=clip)

    def go(self, name: str, step: tour.Step) -> None:
        """A way of the tour, and a picture at its end."""
        step(self.page, self.demo.url, self.prefix)
        self.take(name)

    def status(self, code: str, name: str = "") -> None:
        """The status page of a code."""
        self.page.goto(f"{self.demo.url}{self.prefix}/status")
        self.page.fill("#code", code)
        self.page.locator("#look .go").click()
        if name:
            self.take(name)

    def press(self, selector: str, name: str) -> None:
        """Press one thing, and a picture of where it leads."""
        self.page.locator(selector).first.click()
        self.take(name)


def make(demo: Demo, browser: Browser, to: Path) -> None:
    """participant-en.png and participant-es.png."""
    app = create_app(Settings.from_env(instance=demo.instance, demo=True))
    for which, (language, prefix) in enumerate((("en", ""), ("es", "/es"))):
        with TemporaryDirectory() as folder:
            context = browser.new_context(viewport=PHONE, device_scale_factor=2)
            walk = Walk(demo, app, context.new_page(), prefix, Path(folder), set(), [])
            walk.page.on("response", lambda told, to=walk.broken: to.append(told.url) if told.status >= 500 else None)
            asks(walk, house=1 + which)
            with_the_code(walk, browser)
            refused(walk, house=3 + which)
            around(walk)
            context.close()
            captions = {name: said[which] for name, said in STEPS.items()}
            collage.sheet(walk.folder, captions, walk.cut).save(to / f"participant-{language}.png", optimize=True)


def asks(walk: Walk, house: int) -> None:
    """A request, from the first page to the code."""
    walk.go("start", tour.start)
    page = walk.page
    page.locator("label[for=item-naloxone-nasal]").click()
    page.locator("label[for=item-syringe-kit]").click()
    page.fill("[autocomplete=postal-code]", "43215")
    walk.take("kinds")
    page.locator("label[for=item-syringe-kit]").click()
    walk.press("#request .go", "answer")
    walk.press("main form:not(#request) button.go", "where")
    page.fill("#name", "Robin Example")
    page.fill("#line1", f"{house} Sample St")
    page.select_option("#state", "NY")
    walk.press("#request .go", "doubt")
    page.select_option("#state", "OH")
    walk.press("#request .go", "contact")
    page.locator("label[for=contact-phone]").click()
    walk.take("contact")
    page.locator("label[for=contact-none]").click()
    walk.press("#request .go", "check")
    walk.press("#request .go", "done")


def with_the_code(walk: Walk, browser: Browser) -> None:
    """What a code opens, from the first look to a recall after the address is gone."""
    page = walk.page
    code = page.locator("#claim-code").inner_text()
    walk.go("status", tour.status)
    number = _packed(walk, browser, lambda: walk.status(code, "ready"))
    walk.status(code, "mailed")
    walk.press("[formaction$=again]", "again")
    walk.press("#request .go", "again-done")
    with walk.app.app_context():
        days = resend.NOT_BEFORE
        db.session.execute(update(Order).where(Order.number == number).values(closed_on=clock.today() - days))
        ids = select(Order.id).where(Order.number == number)
        db.session.execute(
            update(Parcel).where(Parcel.order_id.in_(ids)).values(shipped_on=clock.today() - days),
            execution_options={"synchronize_session": False},
        )
        lot_id = db.session.scalars(select(Allocation.lot_id).where(Allocation.order_id.in_(ids)).limit(1)).one()
        db.session.commit()
    walk.status(code, "late")
    walk.press("[formaction$=lost]", "lost")
    walk.press(".go[name=yes]", "lost-told")
    walk.status(code)
    walk.press("[formaction$=erase]", "erase")
    walk.press(".go[name=yes]", "erased")
    desk = browser.new_context(viewport=DESKTOP).new_page()
    walk.demo.sign_in(desk, "manager")
    desk.goto(f"{walk.demo.url}/stock/lots/{lot_id}/recall")
    desk.locator("form button.btn-danger").click()
    desk.get_by_role("status").first.wait_for()
    desk.context.close()
    _until(lambda: _is_gone(walk, code), "the address is erased, and the notice made")
    walk.status(code, "recalled")


def refused(walk: Walk, house: int) -> None:
    """What is missing, unclear or not there; a second request is made and left open."""
    walk.go("problem", tour.nothing_chosen)
    for name, zip in (("some", "70112"), ("none", "73301")):
        tour.start(walk.page, walk.demo.url, walk.prefix)
        tour.choose(walk.page, zip, "smoking-kit", "syringe-kit")
        walk.take(name)
    walk.press("[name=wish]", "tell")
    walk.page.locator("label[for=way-email]").click()
    walk.page.fill("[id=by-email]", "robin@example.org")
    walk.press("#request .go", "kept")
    walk.go("waits", tour.which_state)
    walk.go("wrong", tour.wrong_code)
    tour.where(walk.page, walk.demo.url, walk.prefix)
    walk.page.fill("#name", "Robin Example")
    walk.page.fill("#line1", f"{house} Sample St")
    for _ in range(3):
        walk.page.locator("#request .go").click()
    code = walk.page.locator("#claim-code").inner_text()
    for name in ("correct", "message", "cancel"):
        walk.status(code)
        walk.press(f"[formaction$={name}]", name)
    walk.go("status", tour.status)
    walk.page.fill("#code", code)
    walk.press("[formaction$=again]", "open")


def around(walk: Walk) -> None:
    """The pages that need no request, and the door for groups."""
    for name, step in (
        ("cards", tour.at("/cards")),
        ("card", tour.at("/cards/respond")),
        ("quiz", tour.learn_answered),
        ("law", tour.law_chosen),
        ("told", tour.at("/told")),
        ("voice", tour.at("/voice")),
        ("privacy", tour.at("/privacy")),
        ("safety", tour.at("/safety")),
        ("groups", tour.groups),
        ("groups-answer", tour.groups_answer),
        ("groups-where", tour.groups_where),
        ("groups-check", tour.groups_check),
        ("groups-done", tour.groups_done),
    ):
        walk.go(name, step)


def _packed(walk: Walk, browser: Browser, look: Callable[[], None]) -> str:
    """Have the newest request packed and mailed by the packer of its site; `look` before that. Its number."""
    with walk.app.app_context():
        number = db.session.scalars(select(Order.number).order_by(Order.id.desc()).limit(1)).one()
    _until(lambda: _step(walk, number) == Status.ALLOCATED, "a request is ready to be packed")
    look()
    with walk.app.app_context():
        order = db.session.scalars(select(Order).where(Order.number == number)).one()
        site = db.session.scalars(select(Site.code).where(Site.id == order.site_id)).one()
    desk = browser.new_context(viewport=DESKTOP).new_page()
    walk.demo.sign_in(desk, f"packer-{site.lower()}")
    desk.goto(f"{walk.demo.url}/desk/orders/{number}")
    pick = desk.locator("table.picks button[name=allocation]")
    while pick.count():
        pick.first.click()
        desk.wait_for_load_state("networkidle")
    desk.keyboard.press("Enter")
    with desk.expect_popup() as label:
        desk.get_by_role("button", name="Print label").click()
    label.value.close()
    desk.reload()
    desk.locator("form[action$=ship] button").click()
    _until(lambda: _step(walk, number) == Status.SHIPPED, "it is mailed")
    desk.context.close()
    return number


def _step(walk: Walk, number: str) -> Status:
    """How far a request is. Whoever drives a browser types faster than people: then somebody lets it go on."""
    with walk.app.app_context():
        order = db.session.scalars(select(Order).where(Order.number == number)).one()
        if order.status == Status.HELD:
            triage.release(db.session(), order, reason="a picture", by="manager", at=clock.now())
            db.session.commit()
        return order.status


def _is_gone(walk: Walk, code: str) -> bool:
    walk.status(code)
    return not walk.page.locator("[formaction$=erase]").count() and walk.page.locator("#again").count() == 1


def _until(holds: Callable[[], bool], what: str) -> None:
    for _ in range(120):
        if holds():
            return
        time.sleep(0.5)
    raise TimeoutError(f"waited a minute until {what}")
