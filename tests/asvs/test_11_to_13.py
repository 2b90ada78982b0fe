"""ASVS 11 to 13: keys and codes, the way to the database, and what an installation shows of itself."""

import math
import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from argon2 import extract_parameters
from flask.testing import FlaskClient

from distro import clock
from distro.app import create_app
from distro.config import OURS, Settings, Surface, without_secrets
from distro.databasecheck import check_way
from distro.db import Base
from distro.errors import SettingWrong
from distro.grants import DatabaseRole, wanted
from distro.keys import keyring
from distro.keys.keyring import Keyring
from orders import codes, codewords, intake, spool
from tests.asvs.checks import ROOT, calls, check, imports, is_excepted, sources
from tests.asvs.keyuse import listed, uses
from tests.depot import Depot

ROLES, APART = "tests/distro/test_database_roles.py", "tests/distro/test_keys_apart.py"
CRYPTOGRAPHY = {  # all that we use of it, beside its errors
    "cryptography.hazmat.primitives.asymmetric.ed25519": "signatures",
    "cryptography.hazmat.primitives.asymmetric.x25519": "sealing",
    "cryptography.hazmat.primitives.hpke": "sealing",
    "cryptography.hazmat.primitives.ciphers.aead": "wrapping",
    "cryptography.hazmat.primitives.kdf.hkdf": "wrapping",
    "cryptography.hazmat.primitives.hashes": "wrapping",
    "cryptography.exceptions": "errors",
}
WEAK = re.compile(r"\b(md5|sha1|SHA1|MD5|ECB|CBC|DES|ARC4|Blowfish|PKCS1v15|AES_128|TripleDES|pickle|uuid1)\b")
RANDOM_ON_PURPOSE = {"distro/demo_weeks.py", "distro/depot.py"}  # a made-up history
PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|gh[pousr]_\w{36}|xox[abp]-\w{10}|AGE-SECRET-KEY")
KNOWN = {  # what looks random, and is no secret
    "tests/asvs/test_11_to_13.py": "the shapes looked for, and a planted one",
    "tests/distro/test_passwords.py": "an example, made up for the test",
    "tests/distro/test_sealing.py": "vectors of RFC 9180",
    "tests/scan/naughty.py": "the digest of a package",
}


@check(
    "11.1.1 11.1.2",
    says="The inventory in docs/asvs.md has every use of a key that the code has, and none that it has not.",
    by=(
        f"{APART}::test_no_key_secret_or_pepper_lies_outside_the_keyring",
        "tests/distro/test_cli_keys.py::test_the_guide_has_every_command_and_every_option_it_names",
    ),
)
def test_11_1_1_every_key(tmp_path: Path) -> None:
    assert sorted(uses(sources())) == sorted(listed())
    planted = tmp_path / "planted.py"
    planted.write_text(
        'hmac.digest(secret, b"new purpose\\0" + body, "sha256")\nbox = AESGCM(key)\n_keyed(s, "other", b)\n'
    )
    found = uses([planted], tmp_path) - listed()
    assert found == {"planted.py: new purpose", "planted.py: AESGCM", "planted.py: other"}


@check(
    "11.2.1 11.3.1 11.3.2 11.3.3",
    says="Ciphers come from cryptography alone, authenticated ones only; no weak hash, mode or padding is named.",
    by=(
        "tests/distro/test_sealing.py::test_our_boxes_are_rfc_9180_s_in_both_directions",
        "tests/distro/test_sealing.py::test_every_flipped_bit_is_refused",
        "tests/scan/rules/house.yaml::weak-hash",
    ),
)
def test_11_2_1_known_libraries() -> None:
    used = {name for path in sources() for name in imports(path)}
    assert {name.rpartition(".")[0] for name in used if name.startswith("cryptography")} == set(CRYPTOGRAPHY)
    aead = {name.rpartition(".")[2] for name in used if "ciphers.aead" in name}
    assert aead == {"AESGCM"} and not any(name.startswith(("Crypto", "nacl", "rsa", "ecdsa")) for name in used)
    used |= {name for path in sources() for name, _ in calls(path)}
    assert [name for name in used if WEAK.search(name)] == [] and WEAK.search("hashlib.md5"), "control"


@check(
    "11.4.2",
    says="Stored passwords are Argon2id of 19 MiB, two passes and one lane at least, read from the stored hash.",
    by=("tests/distro/test_passwords.py::test_stored_hashes_are_argon2id_at_the_cost_asked_for",),
)
def test_11_4_2_password_hashes(depot: Depot) -> None:
    kept = extract_parameters(depot.user("packer").password_hash)
    assert kept.type.name == "ID" and kept.memory_cost >= 19 * 1024 and kept.time_cost >= 2 and kept.parallelism >= 1
    assert kept.hash_len >= 32 and kept.salt_len >= 16


@check(
    "11.5.1",
    says="Tokens come from the secrets module and have 128 bits; what a person types has fewer, as the table says.",
    by=(
        "tests/scan/rules/house.yaml::random-for-secrets",
        "tests/orders/test_lookup.py::test_many_wrong_codes_are_slowed_down_for_a_while_and_a_right_one_never",
    ),
)
def test_11_5_1_tokens() -> None:
    drawn = {str(path.relative_to(ROOT)) for path in sources() for name in imports(path) if name.startswith("random")}
    assert drawn == RANDOM_ON_PURPOSE
    short = {
        f"{path.relative_to(ROOT)}: {size}"
        for path in sources()
        for name, call in calls(path)
        if name.startswith("secrets.token_") and (size := getattr(call.args[0], "value", 16)) < 16
    }
    # Beside those of the table: the demo's own, and the end of the name of a temporary file.
    assert short == {"distro/demo_weeks.py: 15", "distro/accounts/secondfactor.py: 8", "distro/files.py: 8"}
    assert is_excepted("11.5.1")
    nonce = codes.peek_form("s", codes.new_form("s", clock.now()))[0]
    assert len(nonce) * 8 == 128
    assert len(codes.claim_code("s", nonce).split()) * math.log2(codewords.MANY) > 53


@check(
    "12.3.1 12.3.3",
    says="A database on another machine is spoken to by TLS that proves it, or not at all; so is a sign-in provider.",
    by=(
        f"{ROLES}::test_plain_tcp_to_another_machine_is_refused",
        f"{ROLES}::test_a_safe_way_is_taken",
        "tests/distro/test_oidc.py::test_a_plain_issuer_elsewhere_is_not_spoken_to",
        "tests/distro/test_outbox.py::test_mail_leaves_by_tls_or_not_at_all",
        "tests/distro/test_outbox.py::test_tls_is_asked_for_unless_the_server_is_on_this_machine",
    ),
)
def test_12_3_1_ways(settings: Settings) -> None:
    there = "postgresql://distro@db.example.org/distro"
    for mode in ("", "?sslmode=require", "?sslmode=prefer", "?sslmode=disable"):
        with pytest.raises(SettingWrong):
            create_app(replace(settings, database_url=there + mode))
    check_way(f"{there}?sslmode=verify-full")
    check_way("postgresql://distro@/distro?host=/run/postgresql")
    sent = {name.rpartition(".")[2] for name, _ in calls(ROOT / "distro" / "outbox.py")}
    assert {"starttls", "SMTP_SSL"} <= sent and is_excepted("12.3.1"), "on this machine alone a hop is plain"


@check(
    "13.2.2",
    says="The public role reads no box, user or record, and changes nothing; staff do not change the record.",
    by=(
        f"{ROLES}::test_the_public_role_is_refused",
        f"{ROLES}::test_the_staff_role_is_refused",
        f"{ROLES}::test_a_whole_request_goes_through_both_roles",
        f"{ROLES}::test_a_column_that_is_added_stays_closed",
    ),
)
def test_13_2_2_least_rights() -> None:
    public, staff = (list(wanted(role, Base.metadata)) for role in (DatabaseRole.PUBLIC, DatabaseRole.STAFF))
    assert {grant.privilege for grant in public} == {"SELECT", "INSERT"}
    assert not {grant.table for grant in public} & {"users", "staff_sessions", "audit_entries", "movements", "outbox"}
    [orders] = [grant.columns for grant in public if grant.table == "orders" and grant.privilege == "SELECT"]
    assert orders and not {"sealed", "proof"} & set(orders)
    for table in ("audit_entries", "movements"):
        assert {grant.privilege for grant in staff if grant.table == table} == {"SELECT", "INSERT"}


@check(
    "13.3.1 13.3.2",
    says="No secret is in the repository, in a child's environment or readable by others; none is on a public machine.",
    by=(
        f"{APART}::test_children_inherit_no_secret",
        f"{APART}::test_a_public_server_carries_no_secret_of_the_keyring",
        f"{APART}::test_a_backup_of_the_database_and_the_folders_beside_it_opens_nothing",
        "tests/distro/test_keyring.py::test_no_key_lies_on_disk_as_it_is",
        "tests/distro/test_files.py::test_the_folder_and_the_database_of_a_new_instance_are_nobody_else_s",
    ),
)
def test_13_3_1_secrets(settings: Settings, tmp_path: Path) -> None:
    assert secrets_in(ours()) == []
    planted = tmp_path / "planted.py"
    planted.write_text("KEY = 'wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYq2'\n-----BEGIN EC PRIVATE KEY-----\n")
    assert len(secrets_in([planted])) == 2
    fresh = Settings.from_env({"DISTRO_INSTANCE": str(tmp_path / "instance")})
    keyring.pepper(Keyring.of(settings), "2026-W47")
    spool.keep(settings.spool, sealed(settings))
    instances = [*(tmp_path / "instance").rglob("*"), *settings.keyring.rglob("*"), settings.spool, settings.keyring]
    public = {"public-keys.json", "public-keys.serial", "root.pub"}
    modes = {path.name: path.stat().st_mode & 0o777 for path in instances if path.name not in public}
    assert modes.keys() >= {"secret.key", "staff-secret.key", "2026-W47.pepper", "root.key", "keyring", "spool"}
    assert {mode for name, mode in modes.items() if name not in ("keyring", "spool")} == {0o600}
    assert (modes["keyring"], modes["spool"]) == (0o700, 0o700)
    assert without_secrets(dict.fromkeys(OURS, "x") | {"KEYRING_SECRET_FILE": "x", "PATH": "p"}) == {"PATH": "p"}
    assert fresh.secret_key not in repr(fresh) and fresh.staff_key not in repr(fresh)
    web = Settings.from_env({"DISTRO_INSTANCE": str(tmp_path / "web"), "DISTRO_SURFACE": "public"})
    assert web.surface is Surface.PUBLIC and web.staff_key == "" == web.keyring_secret
    assert (tmp_path / "instance").stat().st_mode & 0o777 == 0o700
    assert is_excepted("13.3.1"), "no key service by default"


def sealed(settings: Settings) -> intake.SealedRequest:
    """A request as it is spooled."""
    person = intake.Person("Robin Example", "1 Sample St", "", "Sampleton", "OH", "43215")
    return intake.seal_request(
        settings, nonce=b"n" * 16, wanted={}, person=person, ruleset_id=None, decision=None, now=clock.now()
    )


def ours() -> list[Path]:
    """Every file that is or may come into the repository."""
    told = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in told.stdout.split("\0") if name and (ROOT / name).is_file()]


def secrets_in(files: Iterable[Path]) -> list[str]:
    """What looks like a secret: keys by their shape, and texts of 32 letters and more that look drawn at random."""
    found = []
    for path in files:
        name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
        if name in KNOWN or path.suffix in (".lock", ".png", ".gz"):
            continue
        text = path.read_text(errors="replace")
        found += [f"{name}: {match[0][:12]}" for match in PRIVATE.finditer(text)]
        found += [f"{name}: {word[:8]}" for word in re.findall(r"[A-Za-z0-9+=_-]{32,}", text) if looks_drawn(word)]
    return found


def looks_drawn(word: str) -> bool:
    """Whether it has small and capital letters and digits, evenly; or is 128 bits in hexadecimal digits."""
    if re.fullmatch(r"[0-9a-f]{32,}", word):
        return len(set(word)) > 9
    mixed = all(re.search(kind, word) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    spread = -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())
    return mixed and spread > 4.2


@check(
    "13.4.1 13.4.2 13.4.3 13.4.4 13.4.5",
    says="No repository, debugger, listing, TRACE or figures can be reached, and no program of ours starts a debugger.",
    by=(
        "tests/distro/test_bodies.py::test_the_web_process_refuses_what_is_ambiguous_with_the_same_headers",
        "tests/distro/test_bodies.py::test_what_scanners_look_for_is_not_there",
    ),
)
def test_13_4_1_closed_doors(client: FlaskClient) -> None:
    for path in (
        "/.git/HEAD",
        "/.git/config",
        "/.env",
        "/console",
        "/metrics",
        "/static/",
        "/static/../app.py",
        "/docs",
    ):
        assert client.get(path).status_code == 404, path
    for path in ("/", "/sign-in", "/livez"):
        assert client.open(path, method="TRACE").status_code == 405
    assert not client.application.debug and client.get("/livez").get_json() == {"status": "ok"}
    told = [word.arg for path in sources() for _, call in calls(path) for word in call.keywords]
    assert "use_debugger" not in told and "debug" not in told and is_excepted("13.4.5")
