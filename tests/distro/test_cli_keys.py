"""`distro keys`: each procedure of docs/keys.md, done as it says, with its line in the record.

Length: nine commands, each with what it does, what it refuses, and what is on record.
"""

import json
import re
import stat
from pathlib import Path

import pytest
from sqlalchemy import select

from distro import audit, clock
from distro.audit import AuditEntry
from distro.commands.keys import keys_group
from distro.config import Settings
from distro.keys import keyfiles, keylist, keyring
from distro.keys.keyfiles import Keyring
from distro.keys.keylist import PublicKeys
from orders.shredding import DESTROY_KEY
from tests.conftest import Cli
from tests.depot import Depot
from tests.distro.test_keyring import older_version

SECRET = "a-made-up-secret"
CHANGING = [
    ("make",),
    ("new-root",),
    ("replace",),
    ("lost", "2026-W48", "--by", "admin"),
    ("rewrap",),
    ("copy-check", "--fill"),
]


def recorded(depot: Depot) -> list[tuple[str, str, str]]:
    depot.session.expire_all()
    entries = depot.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    return [(entry.actor, entry.action, entry.subject) for entry in entries if "key" in entry.action]


def this_week(settings: Settings) -> str:
    return keylist.today(PublicKeys.of(settings), clock.today())[0]


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.fixture
def copy(depot: Depot, cli: Cli) -> str:
    """A second folder, filled."""
    folder = str(depot.settings.instance / "copy")
    assert cli("keys", "copy-check", "--fill", env={"KEYRING_COPY": folder}).returncode == 0
    return folder


def test_all_is_well(depot: Depot, cli: Cli) -> None:
    told = cli("keys", "check")
    assert (told.returncode, told.stdout) == (0, "All is well: keys for this week and 6 more.\n")


def test_missing_keys_are_made_on_record(depot: Depot, cli: Cli) -> None:
    assert cli("keys", "make").stdout == "All keys are there.\n" and recorded(depot) == []
    depot.settings.public_keys.unlink()
    told = cli("keys", "make", "--by", "admin")
    assert told.returncode == 0 and told.stdout.startswith(f"Made 7: {this_week(depot.settings)}, ")
    assert recorded(depot)[0] == ("admin", "make key", this_week(depot.settings)) and len(recorded(depot)) == 7


def test_keys_are_listed(depot: Depot, cli: Cli) -> None:
    week = this_week(depot.settings)
    keyring.replace_keys(depot.ring, PublicKeys.of(depot.settings), clock.today(), [week])
    found = keylist.read(PublicKeys.of(depot.settings)).keys
    second, third = sorted(found)[1:3]
    (depot.settings.keyring / f"{second}.key").unlink()
    (depot.settings.keyring / f"{third}.key").write_bytes(b"cut")
    rows = {row["epoch"]: row for row in json.loads(cli("keys", "list", "--json").stdout)}
    assert rows[week] == {"epoch": week, "published": False, "private": "superseded", "ahead": 0}
    assert rows[f"{week}b"] == {"epoch": f"{week}b", "published": True, "private": "here", "ahead": 0}
    assert rows[second] == {"epoch": second, "published": True, "private": "lost", "ahead": 1}
    assert rows[third]["private"] == "damaged" and len(rows) == 8
    assert "8 in all." in cli("keys", "list").stdout
    audit.record(depot.session, actor="system", action=DESTROY_KEY, subject=second, at=clock.now())
    depot.session.commit()
    assert "destroyed" in next(line for line in lines(cli("keys", "list").stdout) if line.startswith(second))
    locked = json.loads(cli("keys", "list", "--json", env={"KEYRING_SECRET": "wrong"}).stdout)
    assert {row["private"] for row in locked} == {"locked", "destroyed"}


def test_a_key_that_only_the_copy_has_is_listed_so(depot: Depot, cli: Cli, copy: str) -> None:
    week = this_week(depot.settings)
    (depot.settings.keyring / f"{week}.key").unlink()
    rows = json.loads(cli("keys", "list", "--json", env={"KEYRING_COPY": copy}).stdout)
    assert rows[0] == {"epoch": week, "published": True, "private": "copy", "ahead": 0}


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("no list", "This week has no public key"),
        ("few", "Keys reach 3 weeks ahead; fewer than 4 is an alarm"),
        ("lost", "is lost, damaged or not the published one"),
        ("damaged", "is damaged, or wrapped by another secret"),
        ("list", "is not signed by the pinned root key"),
        ("list unsigned", "is not signed by the pinned root key"),
        ("root", "The keyring's root is not the pinned one"),
        ("root gone", "is not in the keyring"),
        ("copy gone", "copy at"),
        ("copy lacks", "is missing, but the other folder has it"),
        ("copy differs", "differs in the two folders"),
        ("file mode", "may be read by others (mode 0644)"),
        ("folder mode", "may be read by others (mode 0755)"),
        ("secret mode", "may be read by others (mode 0640)"),
        ("secret wrong", "The keyring cannot be unlocked"),
        ("secret gone", "The keyring cannot be unlocked"),
        ("no keyring", "There is no keyring at"),
    ],
)
def test_each_thing_that_is_wrong_is_a_sentence(depot: Depot, cli: Cli, copy: str, harm: str, words: str) -> None:
    env = {"KEYRING_COPY": copy}
    assert cli("keys", "check", env=env).returncode == 0  # control
    env |= do_harm(depot, copy, harm)
    told = cli("keys", "check", env=env)
    assert told.returncode == 1 and words in told.stdout, told.stdout + told.stderr
    assert "Traceback" not in told.stderr and re.search(r"Error: \d+ things? (is|are) wrong\.$", told.stderr.strip())


def do_harm(depot: Depot, copy: str, harm: str) -> dict[str, str]:
    """Harm the keys; gives what of the environment is then different."""
    settings, first = depot.settings, depot.settings.keyring / f"{this_week(depot.settings)}.key"
    other = Path(copy) / first.name
    if harm == "no list":
        settings.public_keys.unlink()
    elif harm == "few":
        settings.public_keys.unlink()
        keyring.make_keys(depot.ring, PublicKeys.of(settings), clock.today(), weeks=3)
    elif harm == "lost":
        first.unlink()
        other.unlink()
    elif harm == "damaged":
        first.write_bytes(b"cut")
    elif harm == "list":
        settings.public_keys.write_bytes(b"{}")
    elif harm == "list unsigned":
        signed = json.loads(settings.public_keys.read_bytes())
        settings.public_keys.write_text(json.dumps({"list": signed["list"]}))
    elif harm == "root":
        return {"ROOT_KEY": keylist.as_text(bytes(32))}
    elif harm == "root gone":
        (settings.keyring / "root.key").unlink()
        (Path(copy) / "root.key").unlink()
    elif harm == "copy gone":
        Path(copy).rename(settings.instance / "elsewhere")
    elif harm == "copy lacks":
        other.unlink()
    elif harm == "copy differs":
        alone = Keyring(settings.keyring)
        foreign = Keyring(Path(copy), secret=alone.own_secret.read_text())
        keyfiles.write(foreign, first.name, bytes(range(32)))
    elif harm == "file mode":
        first.chmod(0o644)
    elif harm == "folder mode":
        settings.keyring.chmod(0o755)
    elif harm == "secret mode":
        (settings.instance / "keyring.secret").chmod(0o640)
    elif harm == "secret wrong":
        return {"KEYRING_SECRET": "not the right one"}
    elif harm == "secret gone":
        (settings.instance / "keyring.secret").unlink()
    elif harm == "no keyring":
        settings.keyring.rename(settings.instance / "not-mounted")
        Path(copy).rename(settings.instance / "not-mounted-either")
    return {}


def test_the_root_is_told_and_how_to_pin_it(depot: Depot, cli: Cli) -> None:
    told = cli("keys", "root")
    assert told.returncode == 0 and lines(told.stdout)[0] == depot.settings.root_pub.read_text()
    assert "ROOT_KEY=" in told.stdout
    told = cli("keys", "root", env={"ROOT_KEY": "another"})
    assert told.returncode == 1 and "pins another root" in told.stderr


def test_a_new_root_is_pinned_and_on_record(depot: Depot, cli: Cli) -> None:
    old = depot.settings.root_pub.read_text()
    told = cli("keys", "new-root", "--by", "admin")
    assert told.returncode == 0 and depot.settings.root_pub.read_text() == lines(told.stdout)[0] != old
    assert recorded(depot) == [("admin", "new root key", "root")] and cli("keys", "check").returncode == 0
    assert cli("keys", "check", env={"ROOT_KEY": old}).returncode == 1  # who still pins the old one is told


def test_known_keys_are_replaced_on_record(depot: Depot, cli: Cli) -> None:
    week = this_week(depot.settings)
    told = cli("keys", "replace", week, "--by", "admin")
    assert told.returncode == 0 and f"{week} is replaced by {week}b." in told.stdout
    assert recorded(depot) == [("admin", "replace key", week)]
    assert "is replaced by" in cli("keys", "replace").stdout and len(recorded(depot)) == 8
    told = cli("keys", "replace", week)
    assert told.returncode == 1 and "is not in the list of public keys" in told.stderr
    assert cli("keys", "check").returncode == 0


def test_the_secret_is_changed(depot: Depot, cli: Cli, tmp_path: Path) -> None:
    new, old = {"KEYRING_SECRET": SECRET}, depot.settings.instance / "keyring.secret"
    told = cli("keys", "rewrap", "--by", "admin", env=new)  # from the one that was made on first use
    assert told.returncode == 0 and recorded(depot) == [("admin", "rewrap keys", "keys")]
    old.unlink()
    assert cli("keys", "check", env=new).returncode == 0 and cli("keys", "check").returncode == 1
    file = tmp_path / "old"
    file.write_text(SECRET + "\n")
    for options in (("--old-secret-file", str(file)), ("--old-secret-command", f"cat {file}")):  # and safe again
        told = cli("keys", "rewrap", *options, env={"KEYRING_SECRET": "the next one"})
        assert told.returncode == 0, told.stderr
    assert cli("keys", "check", env={"KEYRING_SECRET": "the next one"}).returncode == 0
    told = cli("keys", "rewrap", "--old-secret-file", str(file), env={"KEYRING_SECRET": "a third"})
    assert told.returncode == 1 and "no file of it opens with the old secret" in told.stderr
    assert SECRET not in told.stderr + told.stdout


def test_a_new_secret_of_its_own_is_made_where_none_is_set(depot: Depot, cli: Cli) -> None:
    own = depot.settings.instance / "keyring.secret"
    old = own.rename(own.with_name("old.secret"))
    assert cli("keys", "rewrap", "--old-secret-file", str(old)).returncode == 0
    assert own.read_text() != old.read_text() and stat.S_IMODE(own.stat().st_mode) == 0o600
    assert cli("keys", "check").returncode == 0


def test_the_copy_is_checked(depot: Depot, cli: Cli, copy: str) -> None:
    told = cli("keys", "copy-check", env={"KEYRING_COPY": copy})
    assert told.returncode == 0 and "holds the same 8 files" in told.stdout
    (Path(copy) / "root.key").write_bytes(b"cut")
    told = cli("keys", "copy-check", env={"KEYRING_COPY": copy})
    assert told.returncode == 1 and "root.key is damaged" in told.stdout
    assert cli("keys", "make", env={"KEYRING_COPY": copy}).returncode == 0  # puts it back
    assert cli("keys", "copy-check", env={"KEYRING_COPY": copy}).returncode == 0
    assert "KEYRING_COPY is not set" in cli("keys", "copy-check").stderr
    told = cli("keys", "copy-check", env={"KEYRING_COPY": "/no-such-folder/copy"})
    assert told.returncode == 1 and "cannot be reached" in told.stderr
    assert cli("keys", "copy-check", "--fill", env={"KEYRING_COPY": "/no-such-folder/copy"}).returncode == 1


def test_an_older_instance_is_brought_up_to_date(depot: Depot, cli: Cli) -> None:
    for path in sorted(depot.settings.keyring.iterdir()):
        path.unlink()
    depot.settings.keyring.rmdir()
    for name in ("root.pub", "public-keys.json", "public-keys.serial"):
        (depot.settings.instance / name).unlink()
    older_version(depot.settings.instance)
    told = cli("keys", "make", "--by", "admin")
    assert told.returncode == 0, told.stderr
    assert "Wrapped 8 private keys" in told.stdout and "is made anew, and signed" in told.stdout
    assert cli("keys", "check").returncode == 0
    assert ("admin", "upgrade keys", "keys") in recorded(depot)


def test_every_command_that_changes_keys_is_tried_here() -> None:
    assert {name for name, *_ in CHANGING} | {"list", "check", "root"} == set(keys_group.commands)


@pytest.mark.parametrize("command", CHANGING, ids=lambda command: command[0])
def test_without_the_database_no_key_is_changed(depot: Depot, cli: Cli, command: tuple[str, ...]) -> None:
    depot.settings.public_keys.unlink()  # so that there is something to make
    before = everything(depot.settings.instance)
    env = {"DATABASE_URL": "postgresql+psycopg://distro@127.0.0.1:1/distro", "KEYRING_SECRET": SECRET}
    env |= {"KEYRING_COPY": str(depot.settings.instance / "copy")}
    told = cli("keys", *command, env=env)
    assert told.returncode == 1 and "does not answer" in told.stderr and told.stdout == ""
    assert everything(depot.settings.instance) == before


@pytest.mark.parametrize("command", CHANGING, ids=lambda command: command[0])
def test_with_a_wrong_secret_no_command_changes_anything(depot: Depot, cli: Cli, command: tuple[str, ...]) -> None:
    if command[0] == "rewrap":
        command = (*command, "--old-secret-command", "echo wrong as well")
    env = {"KEYRING_SECRET": "a wrong one"}
    if command[0] == "copy-check":
        env["KEYRING_COPY"] = str(depot.settings.instance / "copy")
        Path(env["KEYRING_COPY"]).mkdir()
    before = everything(depot.settings.instance)
    told = cli("keys", *command, env=env)
    assert told.returncode == 1 and "The keyring cannot be unlocked" in told.stderr, told.stderr
    assert "Traceback" not in told.stderr and "a wrong one" not in told.stderr
    assert everything(depot.settings.instance) == before and recorded(depot) == []


@pytest.mark.parametrize("command", [command for command in CHANGING if command[0] != "lost"], ids=" ".join)
def test_the_record_names_someone_who_works_here(depot: Depot, cli: Cli, command: tuple[str, ...]) -> None:
    env = {"KEYRING_COPY": str(depot.settings.instance / "copy")} if command[0] == "copy-check" else {}
    told = cli("keys", *command, "--by", "nobody", env=env)
    assert told.returncode == 1 and "no member of staff “nobody”" in told.stderr and recorded(depot) == []


def test_no_secret_is_an_argument_or_shown(depot: Depot, cli: Cli, capfd: pytest.CaptureFixture[str]) -> None:
    """An argument is seen by everyone on the machine; so none takes a secret, and none is printed."""
    taken = {option for command in keys_group.commands.values() for param in command.params for option in param.opts}
    assert {option for option in taken if "secret" in option} == {"--old-secret-file", "--old-secret-command"}
    shown = "".join(
        told.stdout + told.stderr
        for told in (cli("keys", *arguments) for arguments in (("list",), ("check",), ("root",), ("replace",)))
    )
    secret = (depot.settings.instance / "keyring.secret").read_text()
    assert secret not in shown and audit.verify(depot.session).broken is None
    for name in keyfiles.names(depot.ring):
        raw = keyfiles.read(depot.ring, name) or b""
        assert raw.hex() not in shown and keylist.as_text(raw) not in shown


def everything(folder: Path) -> dict[str, bytes]:
    """Every file of the instance but the database's own and a serial that reading writes."""
    return {
        str(path): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "sqlite" not in path.name and path.suffix != ".serial"
    }


def test_the_guide_has_every_command_and_every_option_it_names() -> None:
    text = (Path(__file__).parents[2] / "docs" / "keys.md").read_text(encoding="utf-8")
    named = re.findall(r"distro keys ([a-z-]+)((?: [\w./-]+)*)", text)
    assert {name for name, _rest in named} == set(keys_group.commands)
    for name, rest in named:
        options = {option for param in keys_group.commands[name].params for option in param.opts}
        assert {word for word in rest.split() if word.startswith("--")} <= options, (name, rest)
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ ([\w ]+)$", text, re.MULTILINE)}
    links = set(re.findall(r"\]\(#([\w-]+)\)", text))
    assert links and links <= anchors, links - anchors
