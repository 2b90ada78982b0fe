"""Sending a text message (SMS) by a provider. One is built in: Twilio's Programmable Messaging, by its REST interface.

Another one is a function like `_twilio` and its line in `PROVIDERS`. docs/messages.md tells operators what to set.
"""

import json
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import requests

from distro import deadline
from distro.config import LOOPBACK, Settings
from distro.errors import Refusal

TIMEOUTS = (5, 5)  # seconds: to connect, and between two parts of an answer
TOTAL_S = 10  # for all of it
TOLD_MOST = 4_096  # bytes read of why one was refused
PASSING = (408, 429)  # of 4xx: it is busy
HOPELESS = {  # errors of Twilio's (twilio.com/docs/api/errors) that are about the number alone
    *(21211, 21214, 21217),  # it is none
    *(21610, 21612, 21614, 21635),  # it said STOP, or no text reaches it
}


class TextNotSent(Refusal):
    """The provider cannot take it now, or cannot be reached: later, perhaps."""

    sentence = "The text message did not leave. It is tried again."


class ProviderRefuses(TextNotSent):
    """The provider takes none from us: the account, the settings or the way there. A person has to look."""

    sentence = "The provider takes no text messages from us. They wait."


class TextRefused(Refusal):
    """The provider will never take it: a number that is none, or that said STOP."""

    sentence = "The provider does not send this text message."


def send(settings: Settings, to: str, body: str) -> None:
    """Send `body` to a number such as +16145550123. Raises TextNotSent or TextRefused, which hold neither of them.

    It takes `TOTAL_S` at most, whatever the provider does.
    """
    try:
        provider = PROVIDERS[settings.sms_provider]
    except KeyError:
        raise ProviderRefuses from None
    try:
        deadline.within(TOTAL_S, lambda: provider(settings, to, body))
    except TimeoutError:
        raise TextNotSent from None


def _twilio(settings: Settings, to: str, body: str) -> None:
    """By the Messages resource of 2010-04-01 (twilio.com/docs/messaging/api/message-resource): 201 says it was taken.

    A sender that begins with MG is a messaging service; any other is a number of ours.
    """
    whole = urlsplit(settings.sms_url)
    if whole.scheme != "https" and whole.hostname not in LOOPBACK:
        raise ProviderRefuses  # a number is not said aloud
    sender = "MessagingServiceSid" if settings.sms_from.startswith("MG") else "From"
    address = f"{settings.sms_url}/2010-04-01/Accounts/{quote(settings.sms_account, safe='')}/Messages.json"
    try:
        with requests.post(
            address,
            data={"To": to, sender: settings.sms_from, "Body": body},
            auth=(settings.sms_account, settings.sms_secret),
            timeout=TIMEOUTS,
            allow_redirects=False,
            stream=True,  # what it says besides is read only where it refuses: it repeats the number
        ) as answer:
            status = answer.status_code
            error = _error(answer) if status == 400 else None
    except requests.exceptions.SSLError:
        raise ProviderRefuses from None
    except requests.RequestException:
        raise TextNotSent from None
    if status == 400 and error in HOPELESS:
        raise TextRefused
    if 300 <= status < 500 and status not in PASSING:
        raise ProviderRefuses
    if not 200 <= status < 300:
        raise TextNotSent


def _error(answer: requests.Response) -> int | None:
    """The number of the provider's error, None if it says none."""
    try:
        told = json.loads(next(answer.iter_content(TOLD_MOST), b""))
        return int(told["code"])
    except (ValueError, TypeError, KeyError):
        return None


PROVIDERS: dict[str, Callable[[Settings, str, str], None]] = {"twilio": _twilio}
