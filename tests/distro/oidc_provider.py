"""A real OpenID Connect provider on this machine's loopback: discovery, keys, authorization and token, over HTTP.

It checks what a provider checks: the client and its password, the address to come back to, the code (once) and PKCE.
`evil` names one thing that it then does wrong; without it everything is right.
"""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from markupsafe import escape
from werkzeug.serving import make_server

from distro import clock

CLIENT_ID, CLIENT_SECRET = "distro-staff", "a made-up client secret"


@dataclass
class LocalProvider:
    """One provider with one person in it, who always says yes."""

    issuer: str = ""
    subject: str = "person-1"
    email: str = "packer@example.org"
    amr: list[str] | None = field(default_factory=lambda: ["pwd", "otp"])
    evil: str = ""
    asks: bool = False  # shows a page of its own first, as providers do
    back: str = ""  # the only address that it sends people back to; empty: any
    asked: list[str] = field(default_factory=list)  # the paths that were asked for
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}))
    other_key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}))

    def app(self) -> Flask:
        app = Flask(__name__)
        app.before_request(lambda: self.asked.append(request.path))
        app.get("/.well-known/openid-configuration")(self.discovery)
        app.get("/keys")(self.keys)
        app.get("/authorize")(self.authorize)
        app.post("/token")(self.token)
        app.route("/elsewhere", methods=["GET", "POST"])(lambda: jsonify(self._configuration()))
        return app

    def _configuration(self) -> dict[str, Any]:
        token = "http://evil.example/token" if self.evil == "plain token address" else f"{self.issuer}/token"
        return {
            "issuer": "https://other.example" if self.evil == "foreign discovery" else self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": token,
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def discovery(self) -> Any:
        if self.evil == "discovery elsewhere":
            return redirect(f"{self.issuer}/elsewhere")
        if self.evil == "discovery broken":
            return Response("<html>", 200, content_type="text/html")
        if self.evil == "discovery too long":
            return Response('{"issuer": "' + "x" * 1_000_000 + '"}', 200, content_type="application/json")
        return jsonify(self._configuration())

    def keys(self) -> Any:
        keys = [self.key.as_dict(private=False)]
        if self.evil == "no keys":
            keys = []
        if self.evil == "secret key published":
            keys = [OctKey.import_key("public" * 8, {"kid": "k1"}).as_dict(private=True)]
        return jsonify(keys=[*keys, {"kty": "unheard-of", "kid": "k9"}])

    def authorize(self) -> Any:
        asked = request.args
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT_ID and "openid" in asked["scope"]
        assert asked["code_challenge_method"] == "S256" and len(asked["nonce"]) >= 22 and len(asked["state"]) >= 22
        assert self.back in ("", asked["redirect_uri"])
        if self.evil == "says no":
            return redirect(f"{asked['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': asked['state']})}")
        code = f"code-{len(self.codes)}-{time.monotonic_ns()}"
        self.codes[code] = {name: asked[name] for name in ("nonce", "code_challenge", "redirect_uri")}
        brought = {"code": code, "state": asked["state"]}
        if self.evil == "foreign iss":
            brought["iss"] = "https://other.example"
        address = f"{asked['redirect_uri']}?{urlencode(brought)}"
        if self.asks:
            return f'<!doctype html><title>Provider</title><a href="{escape(address)}">Yes, it is me</a>'
        return redirect(address)

    def token(self) -> Any:
        typed = request.form
        wanted = self.codes.pop(typed.get("code", ""), None)
        login = request.authorization
        right = login is not None and (login.username, login.password) == (CLIENT_ID, CLIENT_SECRET)
        digest = hashlib.sha256(typed.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not right or wanted is None or wanted["redirect_uri"] != typed.get("redirect_uri"):
            return jsonify(error="invalid_grant"), 400
        if wanted["code_challenge"] != challenge:
            return jsonify(error="invalid_grant"), 400
        if self.evil == "token elsewhere":
            return redirect(f"{self.issuer}/elsewhere", 307)
        if self.evil == "token broken":
            return Response("no JSON", 200, content_type="application/json")
        if self.evil == "token fails":
            return Response("broken", 500)
        answer = {"access_token": "at", "token_type": "Bearer", "expires_in": 60}
        return jsonify(answer if self.evil == "no id token" else answer | {"id_token": self.id_token(wanted["nonce"])})

    def id_token(self, nonce: str) -> str:
        now = int(clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "email": self.email,
            "email_verified": True,
        }
        if self.amr is not None:
            claims["amr"] = self.amr
        wrong: dict[str, dict[str, Any]] = {
            "wrong issuer": {"iss": "https://other.example"},
            "wrong audience": {"aud": "someone-else"},
            "two audiences": {"aud": [CLIENT_ID, "someone-else"]},
            "for another party": {"aud": [CLIENT_ID, "someone-else"], "azp": "someone-else"},
            "wrong nonce": {"nonce": "another"},
            "expired": {"iat": now - 4_000, "exp": now - 3_600},
            "from the future": {"iat": now + 4_000, "exp": now + 9_000},
            "amr no list": {"amr": "mfa"},
            "sub no text": {"sub": 7},
            "empty sub": {"sub": ""},
            "wrong at_hash": {"at_hash": "AAAA"},
        }
        claims |= wrong.get(self.evil, {})
        for name in ("nonce", "exp", "sub", "iss", "aud"):
            if self.evil == f"no {name}":
                del claims[name]
        return self._signed(claims)

    def _signed(self, claims: dict[str, Any]) -> str:
        header: dict[str, Any] = {"alg": "RS256", "kid": "k1"}
        if self.evil == "alg none":
            parts = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in _none_parts(claims))
            return ".".join((*parts, ""))
        if self.evil == "signed with our password":  # a client secret taken for a key
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET * 2), algorithms=["HS256"])
        if self.evil == "secret key published":
            header["alg"] = "HS256"
            return jwt.encode(header, claims, OctKey.import_key("public" * 8), algorithms=["HS256"])
        if self.evil == "unknown key":
            return jwt.encode(header | {"kid": "k2"}, claims, self.key)
        token = jwt.encode(header, claims, self.other_key if self.evil == "wrong signature" else self.key)
        return token[:-8] + "AAAAAAAA" if self.evil == "cut signature" else token


def _none_parts(claims: dict[str, Any]) -> tuple[bytes, bytes]:
    return b'{"alg":"none"}', json.dumps(claims).encode()


@contextmanager
def running(provider: LocalProvider) -> Iterator[LocalProvider]:
    """The provider behind a real server until the block ends."""
    server = make_server("127.0.0.1", 0, provider.app(), threaded=True)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,), name="provider")
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def brought_back(location: str) -> dict[str, str]:
    """What the address that the provider redirects to brings along."""
    return {name: values[0] for name, values in parse_qs(location.partition("?")[2]).items()}
