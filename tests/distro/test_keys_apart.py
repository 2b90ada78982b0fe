"""Private keys stay where they belong: no public process loads, inherits or finds what opens a box."""

import base64
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
from flask.testing import FlaskClient

from distro import clock, jobs
from distro.config import OURS, STAFF_ONLY, Settings, Surface, without_secrets
from distro.demo import free_port
from distro.keys import keyfiles, keylist, keyring
from distro.keys.keylist import PublicKeys
from tests.conftest import Cli
from tests.depot import Depot, sign_in
from tests.orders.forms import code_in, filled
from tests.reliability.search import everything_on_disk

OPENS_BOXES = {
    "distro.keys.keyfiles",
    "distro.keys.keyring",
    "distro.keys.keysecret",
    "orders.household",
    "orders.identity",
    "orders.keyloss",
    "orders.shredding",
    "orders.triage",
}
SECRETS = {name: f"planted {name}" for name in STAFF_ONLY if name != "KEYRING_COPY"}


def loaded(settings: Settings, surface: str, before: str = "") -> set[str]:
    """The modules of ours in a web process that has answered the pages of a request and its last step."""
    program = (
        f"import sys; {before}\nimport wsgi\nclient = wsgi.app.test_client()\n"
        "for path in ('/', '/es/', '/privacy', '/status', '/livez', '/readyz'): client.get(path)\n"
        "for path in ('/answer', '/check', '/done', '/status', '/cancel'): client.post(path, data={'code': 'x'})\n"
        "print('\\n'.join(sys.modules))"
    )
    environment = {
        "DISTRO_INSTANCE": str(settings.instance),
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "DISTRO_SURFACE": surface,
    }
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return set(told.stdout.split())


def test_a_public_process_never_loads_what_opens_boxes(depot: Depot) -> None:
    assert loaded(depot.settings, "public") & OPENS_BOXES == set()


def test_control_a_planted_import_is_seen(depot: Depot) -> None:
    planted = "import orders.intake, distro.keys.keyring; orders.intake.keyring = distro.keys.keyring"
    assert "distro.keys.keyring" in loaded(depot.settings, "public", planted)
    assert loaded(depot.settings, "staff") >= OPENS_BOXES - {"orders.keyloss", "orders.shredding"}


def test_the_public_surface_reads_no_setting_of_the_staff_and_makes_no_secret(tmp_path: Path) -> None:
    settings = Settings.from_env({**SECRETS, "DISTRO_SURFACE": "public"}, instance=tmp_path / "instance")
    assert (settings.keyring_secret, settings.keyring_command, settings.staff_key) == ("", "", "")
    assert sorted(os.listdir(settings.instance)) == ["secret.key"]
    assert "planted" not in repr(settings)


def test_a_secret_is_in_no_repr(tmp_path: Path) -> None:
    settings = Settings.from_env(SECRETS, instance=tmp_path / "instance")
    assert settings.keyring_secret == "planted KEYRING_SECRET"
    assert "planted" not in repr(settings) and "planted" not in repr(keyfiles.Keyring.of(settings))


def test_children_inherit_no_secret() -> None:
    environment = {name: "x" for each in OURS for name in (each, f"{each}_FILE")} | {
        "PATH": "kept",
        "AWS_PROFILE": "kept",
    }
    assert without_secrets(environment) == {"PATH": "kept", "AWS_PROFILE": "kept"}


@contextmanager
def serving(settings: Settings, surface: Surface) -> Iterator[int]:
    """`distro serve` with every secret in its environment; gives the process that became the web server."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "DISTRO_INSTANCE": str(settings.instance),
        "DATABASE_URL": settings.database_url,
        **SECRETS,
        "KEYRING_SECRET_COMMAND": "echo planted",
    }
    command = [sys.executable, "-m", "distro", "serve", "--surface", surface, "--workers", "1", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                urlopen(f"http://127.0.0.1:{port}/livez").close()
                break
            except OSError:
                time.sleep(0.1)
        yield server.pid
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.parametrize("surface", [Surface.PUBLIC, Surface.STAFF])
def test_a_public_server_carries_no_secret_of_the_keyring(depot: Depot, surface: Surface) -> None:
    depot.session.commit()
    with serving(depot.settings, surface) as pid:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert children
        for process in (str(pid), *children):
            environ = Path(f"/proc/{process}/environ").read_bytes()
            assert (b"planted" in environ) == (surface is Surface.STAFF)  # the control: the staff's may have them
            assert b"planted" not in Path(f"/proc/{process}/cmdline").read_bytes()


def forms_of(raw: bytes) -> list[bytes]:
    """A key as it may lie somewhere: raw, hex, base64 at any offset, url-safe."""
    shifted = [base64.b64encode(b"x" * offset + raw)[4 : -4 or None] for offset in range(3)]
    return [raw, raw.hex().encode(), raw.hex().upper().encode(), base64.urlsafe_b64encode(raw).rstrip(b"="), *shifted]


def test_no_key_secret_or_pepper_lies_outside_the_keyring(
    depot: Depot, client: FlaskClient, cli: Cli, caplog: pytest.LogCaptureFixture
) -> None:
    """A request goes its way, keys are replaced, lost and destroyed, errors happen; then every byte is searched."""
    caplog.set_level(logging.DEBUG)
    depot.shelve()
    assert code_in(client.post("/done", data=filled(client)))
    jobs.keep_house(depot.session, depot.settings)
    depot.settle()
    raw = {name: keyfiles.read(depot.ring, name) or b"" for name in keyfiles.names(depot.ring)}
    assert any(name.endswith(".pepper") for name in raw) and all(len(key) == 32 for key in raw.values())
    wrapped = {name: (depot.settings.keyring / name).read_bytes() for name in raw}
    secret = (depot.settings.instance / "keyring.secret").read_text()
    week = keylist.today(PublicKeys.of(depot.settings), clock.today())[0]
    told = [cli("keys", *arguments) for arguments in (("replace", "--by", "admin"), ("list",), ("check",), ("root",))]
    for wrong in ({"KEYRING_SECRET": "another"}, {"KEYRING_SECRET_COMMAND": "false"}):
        told += [cli("keys", "make", env=wrong), cli("keys", "list", env=wrong)]
    keyring.destroy(depot.ring, week)
    jobs.keep_house(depot.session, replace(depot.settings, keyring_secret="another"))
    sign_in(client, "admin")
    pages = [client.get("/manage").text, client.get("/readyz").text]
    said = "".join([caplog.text, *pages, *(each.stdout + each.stderr for each in told)]).encode()
    sought = {name: forms_of(key) for name, key in raw.items()}
    sought |= {f"wrapped {name}": forms_of(content) for name, content in wrapped.items()}
    sought["secret"] = [secret.encode(), bytes.fromhex(secret), base64.b64encode(secret.encode())]
    own = depot.settings.instance / "keyring.secret"
    assert hits(sought, {"said": said}) == set()
    assert hits(sought, dict(everything_on_disk(depot.settings, depot.session)), but=own) == set()
    planted = depot.settings.instance / "spool.old"
    for name, forms in sought.items():  # the control: each of them, in each form, is found where it is
        planted.write_bytes(b"before " + b" between ".join(forms) + b" behind")
        assert name in hits({name: forms}, {str(planted): planted.read_bytes()})
    planted.write_bytes(raw["root.key"])
    assert ("root.key", str(planted)) in hits(
        sought, dict(everything_on_disk(depot.settings, depot.session)), named=True
    )


def hits(
    sought: dict[str, list[bytes]], where: dict[str, bytes], but: Path | None = None, named: bool = False
) -> set[object]:
    """Which of the sought lie somewhere, in any form."""
    return {
        (name, place) if named else name
        for place, content in where.items()
        if place != str(but)
        for name, forms in sought.items()
        if any(form in content for form in forms)
    }


def test_a_backup_of_the_database_and_the_folders_beside_it_opens_nothing(depot: Depot, tmp_path: Path) -> None:
    """The keyring's files without its secret are as good as none; with it they open (control)."""
    order = depot.request()
    stolen = tmp_path / "stolen"
    shutil.copytree(depot.settings.keyring, stolen / "keyring")
    assert order.sealed is not None
    with pytest.raises(keyring.SecretWrong):
        keyring.open_box(keyfiles.Keyring(stolen / "keyring", secret="guess"), order.epoch, order.uid, order.sealed)
    secret = (depot.settings.instance / "keyring.secret").read_text()
    both = keyfiles.Keyring(stolen / "keyring", secret=secret)
    assert b"Robin" in keyring.open_box(both, order.epoch, order.uid, order.sealed)
