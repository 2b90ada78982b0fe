import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from distro.accounts.passwords import FEWEST, MOST, add_user, check_password, fits, hash_new
from distro.auth import Role
from distro.errors import InvalidInput
from tests.depot import PASSWORD, Depot

COMMON = [
    "passwordpassword",
    "123456789012345",
    "12345678901234567890",
    "qwertyuiopasdfg",
    "111111111111111",
    "iloveyouiloveyou",
    "abcdefghijklmnop",
    "P@ssw0rdP@ssw0rd",
    "passwordpassword2024",
    "letmein letmein letmein",
    "distro distro distro",
    " " * 15,
    "a" * 1_000,
    "password" * 100,
    "naloxoneharmreduction",
    "Summer2026!Summer",
    "correct horse battery staple",
    "correcthorsebatterystaple",
]
GOOD = [
    PASSWORD,
    "four quiet herons over slate",
    "kein Zeichen muß hier sein",
    "all lower case but long and odd",
    "  spaces around it are kept  ",
    "🦆 quacks at seventeen o'clock",
    "".join(chr(33 + (7 * n * n + 3 * n) % 90) for n in range(1_000)),
]


@pytest.mark.parametrize("password", COMMON)
def test_what_everyone_tries_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput, match="easy to guess"):
        hash_new(password)


def test_leaked_passwords_are_refused_as_they_are_and_repeated() -> None:
    leaked = FREQUENCY_LISTS["passwords"]
    long_enough = [password for password in leaked if len(password) >= FEWEST]
    repeated = [password * -(-FEWEST // len(password)) for password in leaked[:3_000:10]]
    assert len(leaked) >= 30_000 and len(long_enough) > 20
    for password in [*long_enough, *repeated]:
        with pytest.raises(InvalidInput, match="easy to guess"):
            hash_new(password)


@pytest.mark.parametrize("password", GOOD)
def test_any_characters_do_and_long_ones_count_whole(password: str) -> None:
    kept = hash_new(password)
    assert fits(kept, password)
    assert not fits(kept, password[:-1]) and not fits(kept, password + " ")


def test_too_short_and_too_long_are_told_apart() -> None:
    with pytest.raises(InvalidInput, match="at least 15"):
        hash_new("fourteen-odd-x")
    assert hash_new("fifteen-odd-ox ")
    with pytest.raises(InvalidInput, match="at most 1,000"):
        hash_new(GOOD[-1] + "x")


@pytest.mark.parametrize("password", ["robin.example-robin.example", "Robin.Example-2026", "my robin.example"])
def test_the_username_is_no_password(password: str) -> None:
    with pytest.raises(InvalidInput, match="easy to guess"):
        hash_new(password, username="robin.example")


def test_the_names_of_our_places_are_none_either(depot: Depot) -> None:
    for password in ("columbusohio2026", "Minneapolis-Minnesota"):
        assert hash_new(password), "control: elsewhere they may be odd words"
        with pytest.raises(InvalidInput, match="easy to guess"):
            add_user(depot.session, username="someone", role=Role.PACKER, password=password)


def test_the_username_may_stand_in_a_good_one() -> None:
    assert hash_new("robin.example rides seven tired camels", username="robin.example")
    assert hash_new(PASSWORD, username="a")  # a letter of it


@settings(max_examples=20, deadline=None)  # each costs what a wrong password costs
@given(st.text(max_size=40))
def test_nothing_fits_where_nothing_is_kept(password: str) -> None:
    assert not fits("", password)
    assert not fits("no hash", password)


def test_stored_hashes_are_argon2id_at_the_cost_asked_for(depot: Depot) -> None:
    add_user(depot.session, username="someone", role=Role.PACKER, password="four odd words together")
    for username in ("someone", "packer", "admin"):
        kind, costs = re.match(r"\$(argon2\w+)\$v=19\$(.*?)\$", depot.user(username).password_hash).groups()  # type: ignore[union-attr]
        cost = {name: int(value) for name, value in re.findall(r"(\w)=(\d+)", costs)}
        assert kind == "argon2id" and cost["m"] >= 19_456 and cost["t"] >= 2 and cost["p"] >= 1


def test_a_hash_made_with_other_costs_goes_on_working(depot: Depot) -> None:
    # m=8, t=1, of "an old made-up password"
    depot.user(
        "packer"
    ).password_hash = "$argon2id$v=19$m=8,t=1,p=1$gkWDqJUkzXeieAyagGVmYA$5mh3bXurkSaEJmmWkpSFmriImBIJNZnCKyrv+OVZPq0"
    found = check_password(depot.session, username="packer", password="an old made-up password")
    assert found is not None and found.username == "packer"


def test_the_bounds_are_those_of_the_guideline() -> None:
    assert FEWEST == 15 and MOST >= 64


@pytest.mark.parametrize("username", ["system", "System", "participant", "demo"])
def test_nobody_is_called_as_the_record_names_the_machine(depot: Depot, username: str) -> None:
    with pytest.raises(InvalidInput, match="stands for something else in the record"):
        add_user(depot.session, username=username, role=Role.PACKER, password="four odd words together")
    assert add_user(depot.session, username=f"{username}s", role=Role.PACKER, password="four odd words together")
