"""Text messages through the real HTTP client, to a server on loopback that answers as the provider does."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from distro import deadline, texting
from distro.config import Settings, Surface
from distro.demo import free_port
from distro.errors import SettingWrong
from distro.textcatcher import ACCOUNT, SECRET, SENDER, TextCatcher

TO, BODY = "+16145550123", "Su pedido: hay noticias."


@pytest.fixture
def provider() -> Iterator[tuple[TextCatcher, list[tuple[str, str]], Settings]]:
    kept: list[tuple[str, str]] = []
    catcher = TextCatcher(lambda to, body: kept.append((to, body)))
    catcher.start()
    there = {"sms_provider": "twilio", "sms_url": catcher.url, "sms_from": SENDER, "sms_account": ACCOUNT}
    yield catcher, kept, Settings(Path("."), "", "", **there, sms_secret=SECRET)  # type: ignore[arg-type]
    catcher.stop()


Provider = tuple[TextCatcher, list[tuple[str, str]], Settings]


def test_a_text_leaves_with_number_and_words_and_nothing_else(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    catcher, kept, settings = provider
    with caplog.at_level(logging.DEBUG):
        texting.send(settings, TO, BODY)
    assert kept == [(TO, BODY)]
    [request] = catcher.seen
    first, _, rest = request.partition(b"\n")
    assert first == b"POST /2010-04-01/Accounts/AC-demo/Messages.json HTTP/1.1", "no number in an address"
    body = rest.partition(b"\n\n")[2]
    assert sorted(part.partition(b"=")[0] for part in body.split(b"&")) == [b"Body", b"From", b"To"]
    assert b"istro" not in request
    assert TO[2:] not in caplog.text and BODY not in caplog.text and SECRET not in caplog.text.replace(ACCOUNT, "")
    texting.send(replace(settings, sms_from="MG-service"), TO, BODY)
    assert b"MessagingServiceSid=MG-service" in catcher.seen[-1] and b"From=" not in catcher.seen[-1]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        *((passing, texting.TextNotSent) for passing in (408, 429, 500)),
        *((ours, texting.ProviderRefuses) for ours in (302, 400, 401, 403, 404, 407)),
        *(((400, number), texting.TextRefused) for number in (21211, 21610, 21614)),
        ((404, 21211), texting.ProviderRefuses),
    ],
)
def test_the_answer_says_whether_to_try_again(
    provider: Provider, answer: int | tuple[int, int], problem: type[Exception]
) -> None:
    """Only what is about the number is given up. A redirect is not followed: the number would go somewhere else."""
    catcher, kept, settings = provider
    catcher.answer, catcher.error = answer if isinstance(answer, tuple) else (answer, 20001)
    with pytest.raises(problem) as raised:
        texting.send(settings, TO, BODY)
    assert type(raised.value) is problem
    assert kept == [] and len(catcher.seen) == 1
    assert raised.value.__cause__ is None and TO not in repr(raised.value) + str(raised.value)


def test_a_wrong_number_is_given_up_and_a_wrong_secret_or_a_silent_provider_is_not(provider: Provider) -> None:
    _catcher, kept, settings = provider
    with pytest.raises(texting.TextRefused):
        texting.send(settings, "+15", BODY)
    with pytest.raises(texting.ProviderRefuses):
        texting.send(replace(settings, sms_secret="another"), TO, BODY)
    nobody = replace(settings, sms_url=f"http://127.0.0.1:{free_port()}")
    for away in (nobody, replace(settings, sms_provider="")):
        with pytest.raises(texting.TextNotSent):
            texting.send(away, TO, BODY)
    assert kept == []


def test_a_provider_that_says_a_letter_a_moment_is_not_waited_for(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No two of them are further apart than the socket's timeout; after a few of these nobody is called at all."""
    _catcher, kept, settings = provider
    monkeypatch.setattr(deadline, "_late", [])
    monkeypatch.setattr(texting, "TOTAL_S", 0.5)
    over = threading.Event()

    def dribble(connection: socket.socket) -> None:
        with connection:
            connection.sendall(b"HTTP/1.1 201 Created\r\nX-A: ")
            while not over.wait(0.05):
                connection.sendall(b"a")

    def serve(server: socket.socket) -> None:
        for _ in range(deadline.MOST_LATE):
            threading.Thread(target=dribble, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        slow = replace(settings, sms_url=f"http://127.0.0.1:{server.getsockname()[1]}")
        for calls in range(deadline.MOST_LATE + 1):
            began = time.monotonic()
            with pytest.raises(texting.TextNotSent):
                texting.send(slow, TO, BODY)
            took = time.monotonic() - began
            assert took < 3 and (calls < deadline.MOST_LATE) == (took >= 0.5)
        over.set()
    for one in deadline._late:
        one.join(10)
    texting.send(settings, TO, BODY)
    assert kept == [(TO, BODY)], "and once they are over, it goes on"


def test_a_number_is_not_sent_in_the_clear(provider: Provider) -> None:
    catcher, _kept, settings = provider
    elsewhere = catcher.url.replace("127.0.0.1", "192.0.2.1")
    with pytest.raises(texting.TextNotSent):
        texting.send(replace(settings, sms_url=elsewhere), TO, BODY)
    assert catcher.seen == []


def test_settings_are_whole_or_refused_at_the_start(tmp_path: Path) -> None:
    whole = {"SMS_PROVIDER": "twilio", "SMS_ACCOUNT": "AC1", "SMS_SECRET": "s", "SMS_FROM": SENDER}
    settings = Settings.from_env(whole, instance=tmp_path)
    assert settings.can_text and settings.sms_url == "https://api.twilio.com" and "'s'" not in repr(settings)
    (tmp_path / "secret").write_text("from a file\n")
    filed = {**whole, "SMS_SECRET": "", "SMS_SECRET_FILE": str(tmp_path / "secret")}
    assert Settings.from_env(filed, instance=tmp_path).sms_secret == "from a file"
    for name in ("SMS_ACCOUNT", "SMS_SECRET", "SMS_FROM"):
        with pytest.raises(SettingWrong) as raised:
            Settings.from_env({**whole, name: ""}, instance=tmp_path)
        assert raised.value.facts["name"] == name
    for odd in ({"SMS_URL": "http://sms.example.org"}, {"SMS_PROVIDER": "pigeon"}):
        with pytest.raises(SettingWrong):
            Settings.from_env({**whole, **odd}, instance=tmp_path)
    assert Settings.from_env({**whole, "SMS_PROVIDER": "none"}, instance=tmp_path).can_text is False
    assert (
        Settings.from_env({}, instance=tmp_path).can_text is Settings.from_env({}, instance=tmp_path).can_mail is False
    )


def test_the_public_side_learns_what_to_offer_and_no_secret(tmp_path: Path) -> None:
    told = {"SMS_PROVIDER": "twilio", "SMTP_HOST": "mail.example.org", "SMS_SECRET": "s", "SMS_ACCOUNT": "AC1"}
    public = Settings.from_env({**told, "DISTRO_SURFACE": "public"}, instance=tmp_path)
    assert public.surface is Surface.PUBLIC and public.can_text and public.can_mail
    assert public.sms_secret == public.sms_account == ""
