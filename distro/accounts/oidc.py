"""Sign-in by an OpenID Connect provider: the code flow with PKCE, state and nonce, and all checks of its answer.

Who a person is at the provider is its issuer and their subject there, never an e-mail address. OpenID Connect Core
1.0, section 3.1; RFC 7636 (PKCE), RFC 8176 (`amr`), RFC 9207 (`iss` in the answer).
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any, TypedDict
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key
from requests import RequestException, Response

from distro.config import Settings
from distro.errors import Refusal

TIME_TO_SIGN_IN = timedelta(minutes=10)
TIMEOUTS = (3, 3)  # seconds: to connect, and between two parts of an answer
LONGEST = 256 * 1024  # bytes of an answer
LEEWAY = 60  # seconds by which clocks may differ
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
KINDS_OF_FACTOR = (  # of RFC 8176: what one knows, has, is
    frozenset({"pwd", "pin", "kba"}),
    frozenset({"otp", "hwk", "swk", "sc", "pop", "sms", "tel"}),
    frozenset({"face", "fpt", "iris", "retina", "vbm"}),
)
DISCOVERY_LIVES = timedelta(minutes=10)
LOOPBACK = ("127.0.0.1", "::1", "localhost")
DISCOVERY = "/.well-known/openid-configuration"
_discovered: dict[str, tuple[datetime, Mapping[str, Any]]] = {}  # by issuer: when it was asked, and what it said


class ProviderRefused(Refusal):
    """What came back does not show who somebody is."""

    status = 403
    sentence = (
        "The sign-in service did not say who you are in a way that we can trust, so nothing was changed. "
        "Start again; if that does not help, sign in with your password and tell an admin."
    )


class ProviderAway(Refusal):
    """The provider does not answer, or not as one does."""

    status = 503
    sentence = "The sign-in service does not answer. Please sign in with your password, or try again in a minute."


class Flow(TypedDict):
    """What this browser has to bring back; it lies in its signed cookie."""

    state: str
    nonce: str
    verifier: str
    since: int  # Unix time


@dataclass(frozen=True, slots=True)
class Identity:
    """Someone at the provider. `subject` is a hash of its issuer and subject; `two_factors`: it asked for a second."""

    subject: str
    two_factors: bool


@dataclass(frozen=True, slots=True)
class Provider:
    """Who is asked, and as whom we ask."""

    issuer: str
    client_id: str
    client_secret: str

    @classmethod
    def of(cls, settings: Settings) -> "Provider | None":
        """The provider of the settings; None unless both OIDC_ISSUER and OIDC_CLIENT_ID are set."""
        if not (settings.oidc_issuer and settings.oidc_client_id):
            return None
        return cls(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)

    @property
    def host(self) -> str:
        """Its name, for people."""
        return urlsplit(self.issuer).hostname or self.issuer


def start(provider: Provider, back: str, at: datetime) -> tuple[str, Flow]:
    """The address to send a browser to, and what it has to bring back to `back`. Raises ProviderAway."""
    flow = Flow(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        since=int(at.timestamp()),
    )
    with _session(provider, back) as session:
        known = _discover(session, provider, at)
        address, _ = session.create_authorization_url(
            known["authorization_endpoint"], state=flow["state"], code_verifier=flow["verifier"], nonce=flow["nonce"]
        )
    return str(address), flow


def finish(provider: Provider, flow: Flow | None, answer: Mapping[str, str], back: str, at: datetime) -> Identity:
    """Who came back. The caller has forgotten `flow` by now, so that it counts once.

    Raises ProviderRefused, or ProviderAway if the provider cannot be asked.
    """
    _require_ours(provider, flow, answer, at)
    assert flow is not None
    with _session(provider, back) as session:
        known = _discover(session, provider, at)
        try:
            token = session.fetch_token(
                known["token_endpoint"],
                grant_type="authorization_code",
                code=answer["code"],
                code_verifier=flow["verifier"],
                timeout=TIMEOUTS,
                allow_redirects=False,
            )
            keys = _keys(_get(session, known["jwks_uri"]))
            claims = _claims(provider, known["issuer"], token, keys, flow["nonce"], at)
        except RequestException:
            raise ProviderAway from None
        except (AuthlibBaseError, JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise ProviderRefused from None
    return Identity(_subject(provider.issuer, claims["sub"]), asked_for_two(claims.get("amr")))


def asked_for_two(methods: object) -> bool:
    """Whether an `amr` says that the provider asked for two factors: in so many words, or naming two kinds of them.

    One that is had alone, such as a security key, is one factor.
    """
    named = {str(method) for method in methods} if isinstance(methods, list) else set()
    return "mfa" in named or sum(1 for kind in KINDS_OF_FACTOR if named & kind) > 1


def _require_ours(provider: Provider, flow: Flow | None, answer: Mapping[str, str], at: datetime) -> None:
    """Raises ProviderRefused unless this browser began it, not long ago, and the answer is one of this provider."""
    if flow is None or not compare_digest(flow["state"].encode(), answer.get("state", "").encode()):
        raise ProviderRefused
    late = at.timestamp() - flow["since"] > TIME_TO_SIGN_IN.total_seconds()
    elsewhere = answer.get("iss", "").rstrip("/") not in ("", provider.issuer)
    if late or elsewhere or "error" in answer or not answer.get("code"):
        raise ProviderRefused


def _keys(published: Mapping[str, Any]) -> KeySet:
    """The provider's keys that signatures are checked with; a secret one among them is none."""
    keys = []
    for key in published["keys"]:
        if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use") in (None, "sig"):
            with suppress(JoseError, ValueError):
                keys.append(import_key(key))
    return KeySet(keys)


def _claims(
    provider: Provider, issuer: str, token: Mapping[str, Any], keys: KeySet, nonce: str, at: datetime
) -> CodeIDToken:
    """What the ID token says, once its signature and every claim hold. Raises JoseError, or ValueError and the like."""
    signed = jwt.decode(token["id_token"], keys, algorithms=ALGORITHMS)
    options = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": provider.client_id},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "nonce": {"essential": True, "value": nonce},
    }
    params = {"nonce": nonce, "client_id": provider.client_id, "access_token": token.get("access_token")}
    claims = CodeIDToken(signed.claims, signed.header, options, params)
    claims.validate(now=int(at.timestamp()), leeway=LEEWAY)
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
        raise ValueError
    return claims


def _subject(issuer: str, subject: str) -> str:
    return hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()


def _session(provider: Provider, back: str) -> Any:
    """A client that sends nothing but what it is told to: no password of a `.netrc`, no redirect followed."""
    session = OAuth2Session(
        provider.client_id,
        provider.client_secret,
        scope="openid",
        redirect_uri=back,
        code_challenge_method="S256",
        default_timeout=TIMEOUTS,
    )
    session.trust_env = False
    session.max_redirects = 0
    return session


def _discover(session: Any, provider: Provider, at: datetime) -> Mapping[str, Any]:
    """The provider's addresses, asked for every ten minutes.

    Raises ProviderAway if it does not answer, or not as this provider would.
    """
    _require_private(provider.issuer)
    asked_at, known = _discovered.get(provider.issuer, (at - DISCOVERY_LIVES, {}))
    try:
        if not asked_at <= at < asked_at + DISCOVERY_LIVES:
            known = _get(session, provider.issuer + DISCOVERY)
        if known["issuer"].rstrip("/") != provider.issuer:
            raise ProviderAway
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _require_private(known[name])
        offered = known.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        session.token_endpoint_auth_method = (
            "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        )
    except (RequestException, ValueError, TypeError, KeyError, AttributeError):
        raise ProviderAway from None
    if not asked_at <= at < asked_at + DISCOVERY_LIVES:
        _discovered[provider.issuer] = (at, known)
    return known


def _get(session: Any, address: str) -> Any:
    """The JSON at an address, which answers itself and shortly. Raises RequestException or ValueError."""
    response: Response = session.get(address, withhold_token=True, timeout=TIMEOUTS, allow_redirects=False, stream=True)
    with response:
        body = response.raw.read(LONGEST + 1, decode_content=True)
        if response.status_code != 200 or len(body) > LONGEST:
            raise RequestException
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError
    return found


def _require_private(address: str) -> None:
    """Raises ProviderAway unless what is sent there is encrypted, or stays on this machine."""
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ProviderAway
