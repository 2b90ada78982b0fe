"""The command line: each thing that can go wrong is one sentence and exit status 1, and no secret is in it."""

from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from sqlalchemy import update

from distro import audit, clock
from distro.audit import AuditEntry
from distro.auth import User
from distro.cli import main
from distro.config import Settings
from orders import forgotten
from orders.models import Parcel, Status
from tests.conftest import Cli, Databases
from tests.depot import Depot

SECRET = "a-made-up-secret"


@dataclass(frozen=True)
class Told:
    """What a command answered."""

    status: int
    sentence: str


def refused(cli: Cli, *arguments: str, **env: str) -> Told:
    """Run a command that must fail: nothing on standard output, one `Error:` line, no traceback."""
    told = cli(*arguments, env=env)
    assert told.stdout == "" and "Traceback" not in told.stderr and SECRET not in told.stderr, told.stderr
    return Told(told.returncode, told.stderr.strip().splitlines()[-1].removeprefix("Error: "))


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("user", "add", "packer", "--role", "packer"), 1, "Error: The username “packer” is taken.\n"),
        (("orders", "list", "--limit", "-1"), 2, "-1 is not in the range"),
        (("no-such-command",), 2, "No such command 'no-such-command'"),
    ],
)
def test_the_installed_program_answers_as_commands_do_here(
    depot: Depot, cli: Cli, cli_process: Cli, arguments: tuple[str, ...], status: int, words: str
) -> None:
    told, here = cli_process(*arguments), cli(*arguments)
    assert (told.returncode, told.stdout) == (status, "") and words in told.stderr
    assert (here.returncode, here.stdout, here.stderr) == (status, "", told.stderr)


def test_the_installed_program_does_what_it_is_told(depot: Depot, cli_process: Cli) -> None:
    told = cli_process("user", "add", "new", "--role", "packer")
    assert told.returncode == 0 and told.stderr == "" and "new (packer) may sign in" in told.stdout
    assert depot.user("new").role == "packer"


def test_control_a_command_that_breaks_is_seen_to_break(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(main.commands, "break", click.Command("break", callback=lambda: 1 // 0))
    told = cli("break")
    assert told.returncode == 1 and "Traceback" in told.stderr and "ZeroDivisionError" in told.stderr


@pytest.mark.parametrize(
    ("username", "options", "sentence"),
    [
        ("", [], "A username has 1 to 64 letters"),
        (" ", [], "A username has 1 to 64 letters"),
        ("x" * 100, [], "A username has 1 to 64 letters"),
        ("two words", [], "A username has 1 to 64 letters"),
        ("line\nbreak", [], "A username has 1 to 64 letters"),
        ("packer", [], "The username “packer” is taken."),
        ("new", ["--site", "NOPE"], "There is no warehouse “NOPE”."),
        ("new", ["--email", "nobody"], "An email address looks like"),
        ("new", ["--email", "a@b\nBcc: c@d"], "An email address looks like"),
    ],
)
def test_an_account_that_could_not_be_used_is_not_made(
    depot: Depot, cli: Cli, username: str, options: list[str], sentence: str
) -> None:
    before = depot.session.query(User).count()
    told = refused(cli, "user", "add", username, "--role", "packer", *options)
    assert told.status == 1 and sentence in told.sentence
    assert depot.session.query(User).count() == before


def test_an_account_is_made_for_one_warehouse(depot: Depot, cli: Cli) -> None:
    told = cli("user", "add", "new.packer-2", "--role", "packer", "--site", "OH", "--email", "new@example.org")
    assert told.returncode == 0 and "shown only now" in told.stdout
    assert depot.user("new.packer-2").site_code == "OH"


@pytest.mark.parametrize(
    "arguments",
    [
        ("orders", "list", "--limit", "-1"),
        ("orders", "list", "--limit", "9" * 30),
        ("rules", "publish", "0", "--by", "admin"),
        ("rules", "publish", "9" * 30, "--by", "admin"),
        ("serve", "--port", "0"),
        ("serve", "--port", "65536"),
        ("serve", "--workers", "0"),
        ("demo", "--port", "99999"),
    ],
)
def test_a_number_out_of_range_is_not_understood(cli: Cli, arguments: tuple[str, ...]) -> None:
    told = refused(cli, *arguments)
    assert told.status == 2 and "is not in the range" in told.sentence


COMMANDS = [
    ("stock", "show"),
    ("stock", "verify"),
    ("orders", "list", "--json"),
    ("rules", "load", "--by", "admin"),
    ("rules", "list"),
    ("audit", "verify"),
    ("places", "show", "10001"),
    ("user", "add", "x", "--role", "packer"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_before_migrate_one_is_told_to(cli: Cli, databases: Databases, command: tuple[str, ...]) -> None:
    url = databases.empty()
    told = refused(cli, *command, DATABASE_URL=url)
    databases.take_back(url)
    assert told == Told(1, "The database lacks tables of this version. Run: distro migrate")


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://distro:{SECRET}@127.0.0.1:1/distro",
        f"postgresql+psycopg://distro:{SECRET}@/distro?host=/no-such-folder",
        "sqlite:////no-such-folder/distro.sqlite3",
    ],
)
@pytest.mark.parametrize("command", [("stock", "show"), ("migrate",)], ids=" ".join)
def test_a_database_that_does_not_answer_is_said(cli: Cli, url: str, command: tuple[str, ...]) -> None:
    told = refused(cli, *command, DATABASE_URL=url)
    assert told.status == 1 and told.sentence.startswith("The database is busy or does not answer.")


@pytest.mark.parametrize(
    "url",
    [
        "",
        SECRET,
        f"postgresql+psycopg://distro:{SECRET}@host:port/distro",
        f"postgres://distro:{SECRET}@host/distro",
        f"mysql://distro:{SECRET}@host/distro",
    ],
)
def test_an_address_that_is_none_is_said(cli: Cli, url: str) -> None:
    told = refused(cli, "stock", "show", DATABASE_URL=url)
    assert told.status == 1 and told.sentence.startswith("DATABASE_URL cannot be used.")


def test_a_rules_file_in_another_encoding_is_said(depot: Depot, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes("name: Reglas del año\n".encode("latin-1"))
    assert refused(cli, "rules", "load", str(file), "--by", "admin") == Told(
        1, "The file is not UTF-8 text. Save it as UTF-8 and try again."
    )


@pytest.mark.parametrize("command", [("keys", "list"), ("keys", "make")], ids=" ".join)
@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b"[]", b"7"])
def test_a_damaged_file_of_keys_is_said(cli: Cli, settings: Settings, command: tuple[str, ...], content: bytes) -> None:
    settings.public_keys.write_bytes(content)
    told = refused(cli, *command)
    assert told.status == 1 and "public-keys.json" in told.sentence
    assert settings.public_keys.read_bytes() == content


@pytest.mark.parametrize("port", ["0", "99999", "-1", "x", "²", "9" * 5_000])
def test_a_mail_port_that_is_none_is_said(cli: Cli, port: str) -> None:
    told = refused(cli, "stock", "show", SMTP_PORT=port)
    assert told == Told(1, "SMTP_PORT: use a whole number from 1 to 65535, such as 25.")


def test_the_record_is_proved(depot: Depot, cli: Cli) -> None:
    for number in range(3):
        audit.record(depot.session, actor="packer", action="test", subject=f"LOT-{number}", at=clock.now())
    assert cli("audit", "verify").returncode == 0
    second = depot.session.query(AuditEntry).order_by(AuditEntry.id).offset(1).first()
    assert second is not None
    depot.session.execute(update(AuditEntry).where(AuditEntry.id == second.id).values(actor="somebody else"))
    told = refused(cli, "audit", "verify")
    assert told == Told(1, f"Entry {second.id} of the record does not follow from the one before it.")
    assert "changed, put in or taken out" in cli("audit", "verify", "--help").stdout


def test_the_record_names_someone_who_works_here(cli: Cli, depot: Depot) -> None:
    assert refused(cli, "rules", "load", "--by", "nobody").sentence == "There is no member of staff “nobody”."


def test_an_empty_ruleset_takes_nobody_s_place(cli: Cli, depot: Depot, tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("name: Empty\nversion: '1'\nrules: []\n")
    loaded = cli("rules", "load", str(file), "--by", "admin")
    if loaded.returncode == 0:
        number = loaded.stdout.split("draft ")[1].split(":")[0]
        assert "holds no rule" in refused(cli, "rules", "propose", number, "--by", "admin").sentence


def test_a_depot_is_set_up_from_a_file(cli: Cli, depot: Depot, tmp_path: Path) -> None:
    exported = cli("catalog", "export")
    assert exported.returncode == 0, exported.stderr
    file = tmp_path / "catalog.yaml"
    file.write_text(exported.stdout)
    told = cli("catalog", "load", str(file), "--by", "admin")
    assert told.returncode == 0 and "Added 0, changed 0, removed 0" in told.stdout


def test_what_was_forgotten_is_forgotten_again(cli: Cli, depot: Depot) -> None:
    order, labelled = depot.request(), depot.request()
    labelled.status = Status.PACKED
    depot.session.add(Parcel(order_id=labelled.id, packed_on=clock.today(), labelled_on=clock.today()))
    depot.session.commit()
    assert cli("orders", "forget-again").stdout == "0 orders are cancelled and 0 addresses erased again.\n"
    done = [(order.number, "cancel"), (labelled.number, "erase"), ("NOSUCH00", "erase")]
    forgotten.note(depot.settings.forgotten, done, clock.today())
    told = cli("orders", "forget-again")
    depot.session.expire_all()
    assert told.stdout.startswith("1 orders are cancelled and 0") and labelled.number in told.stdout
    assert (order.status, labelled.status) == (Status.CANCELLED, Status.PACKED) and labelled.sealed is not None
