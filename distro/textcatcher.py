"""A provider of text messages that sends none: it answers as Twilio does, and keeps what it was given.

The demo runs it, so that nobody needs an account or the internet to see what participants would read; the tests do too.
"""

import base64
import hmac
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from distro.config import LOOPBACK

ACCOUNT, SECRET, SENDER = "AC-demo", "demo", "+16145550100"  # what the demo is told; they open nothing
SENDERS = {"From", "MessagingServiceSid"}
MOST = 16_384  # bytes of a request; a message takes a few hundred
_NUMBER = re.compile(r"\+1[2-9]\d{9}", re.ASCII)  # E.164, North America


class TextCatcher:
    """The server, on a port of loopback; `keep(to, body)` gets each message that is taken.

    `answer` is the status it gives to everything instead, if it is set: 429, 500, 302. `error` is the number it adds.
    """

    def __init__(self, keep: Callable[[str, str], None], *, account: str = ACCOUNT, secret: str = SECRET) -> None:
        self.answer: int | None = None
        self.error = 20429
        self.seen: list[bytes] = []  # every request, as it came
        catcher, right = self, base64.b64encode(f"{account}:{secret}".encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length") or 0), MOST)
                body = self.rfile.read(length)
                catcher.seen.append(self.requestline.encode() + b"\n" + bytes(self.headers) + body)
                form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
                given = (self.headers.get("Authorization") or "").removeprefix("Basic ")
                if catcher.answer is not None:
                    self._say(catcher.answer, {"code": catcher.error, "message": "told to"})
                elif not hmac.compare_digest(given, right):
                    self._say(401, {"code": 20003, "message": "Authenticate"})
                elif self.path != f"/2010-04-01/Accounts/{account}/Messages.json":
                    self._say(404, {"code": 20404, "message": "not found"})
                elif not (_NUMBER.fullmatch(form.get("To", "")) and form.get("Body") and form.keys() & SENDERS):
                    self._say(400, {"code": 21211, "message": f"{form.get('To')} is not a valid phone number"})
                else:
                    keep(form["To"], form["Body"])
                    self._say(201, {"sid": "SM-demo", "status": "queued", "to": form["To"], "body": form["Body"]})

            def _say(self, status: int, told: dict[str, object]) -> None:
                text = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is logged."""

        self._server = ThreadingHTTPServer((LOOPBACK[0], 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens: what SMS_URL is set to."""
        return f"http://{LOOPBACK[0]}:{self._server.server_address[1]}"

    def start(self) -> None:
        """Answer, until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
