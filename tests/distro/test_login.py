from urllib.parse import urljoin, urlsplit

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from distro.login import WRONG, is_local
from tests.depot import PASSWORD, Depot, sign_in
from tests.staff import post, said


def try_in(client: FlaskClient, username: str, password: str, **form: str) -> TestResponse:
    page = client.get("/sign-in").text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    return client.post("/sign-in", data={"username": username, "password": password, "csrf_token": token, **form})


@pytest.mark.parametrize(
    ("username", "first_page"),
    [("packer", "/desk"), ("manager", "/manage"), ("admin", "/manage"), ("reviewer", "/rules/")],
)
def test_each_role_starts_at_its_page(depot: Depot, client: FlaskClient, username: str, first_page: str) -> None:
    assert client.get("/staff").location == "/sign-in"
    assert sign_in(client, username).location == first_page
    assert client.get("/staff").location == first_page
    assert client.get("/sign-in").location == first_page


def test_every_way_to_be_wrong_reads_the_same(depot: Depot, client: FlaskClient) -> None:
    depot.user("reviewer").active = False
    answers = [
        try_in(client, "packer", "wrong"),
        try_in(client, "nobody", PASSWORD),
        try_in(client, "reviewer", PASSWORD),
        try_in(client, "", ""),
        try_in(client, "x" * 10_000, "y" * 10_000),
    ]
    assert [answer.status_code for answer in answers] == [401] * 5
    assert all(said(answer) == [WRONG] for answer in answers)
    assert PASSWORD not in answers[1].text


def test_five_wrong_passwords_lock_for_a_while(depot: Depot, client: FlaskClient) -> None:
    for _ in range(5):
        try_in(client, "packer", "wrong")
    assert said(try_in(client, "packer", PASSWORD)) == [WRONG]


def test_signing_in_starts_a_new_session(depot: Depot, client: FlaskClient) -> None:
    client.get("/sign-in")
    with client.session_transaction() as before:
        before["planted"] = "by someone else"
    sign_in(client, "packer")
    with client.session_transaction() as after:
        assert "planted" not in after


def test_signing_out_ends_it(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "packer")
    assert post(client, "/sign-out").location == "/sign-in"
    assert client.get("/desk").location == "/sign-in?next=/desk"


def test_a_name_no_keyboard_types_is_refused(depot: Depot, client: FlaskClient) -> None:
    assert try_in(client, "packer\0", PASSWORD).status_code == 400


def test_a_form_without_its_token_is_refused(depot: Depot, client: FlaskClient) -> None:
    assert client.post("/sign-in", data={"username": "packer", "password": PASSWORD}).status_code == 400
    sign_in(client, "packer")
    assert client.post("/sign-out").status_code == 400
    assert client.get("/desk").status_code == 200


def test_after_signing_in_one_is_where_one_wanted(depot: Depot, client: FlaskClient) -> None:
    assert try_in(client, "packer", PASSWORD, next="/stock").location == "/stock"


@pytest.mark.parametrize(
    "next", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/\t/e"]
)
def test_but_never_on_another_site(depot: Depot, client: FlaskClient, next: str) -> None:
    assert try_in(client, "packer", PASSWORD, next=next).location == "/desk"


@given(st.text(max_size=30) | st.builds("".join, st.lists(st.sampled_from(["/", "\\", ".", "e", ":", "\t", "@", "?"]))))
def test_a_local_path_stays_on_the_host(path: str) -> None:
    if is_local(path):
        assert urlsplit(urljoin("https://staff.example/", path)).netloc == "staff.example"
