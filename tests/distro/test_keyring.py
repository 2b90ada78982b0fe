"""The keyring: made ahead, opened by its secret alone, replaced, upgraded, destroyed in both folders.

Length: the whole life of a key and of the files it lies in, against one fixture.
"""

import base64
import json
import multiprocessing
import stat
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from distro import files
from distro.keys import keyfiles, keylist, keyring, keysecret, sealing
from distro.keys.keyfiles import CopyAway, Damaged, Keyring
from distro.keys.keylist import PublicKeys
from distro.keys.keyring import KeyGone, RootDiffers, RootGone
from distro.keys.keysecret import SecretWrong

TODAY = date(2026, 11, 23)
WEEK = "2026-W48"


def public_of(folder: Path) -> PublicKeys:
    """The list of a folder, by the root that is pinned beside it."""
    pin = folder / "root.pub"
    return PublicKeys(folder / "public-keys.json", pin.read_text() if pin.exists() else "")


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    (tmp_path / "copy").mkdir(mode=0o700)
    made = Keyring(tmp_path / "keyring", tmp_path / "copy", secret="a made-up secret")
    keyring.make_keys(made, public_of(tmp_path), TODAY)
    return made


@pytest.fixture
def public(ring: Keyring, tmp_path: Path) -> PublicKeys:
    return public_of(tmp_path)


def test_it_works(ring: Keyring, public: PublicKeys) -> None:
    order, (epoch, key) = uuid4(), keylist.today(public, TODAY)
    box = sealing.seal(key, epoch, order, b"Robin Example")
    assert keyring.open_box(ring, epoch, order, box) == b"Robin Example"


def test_keys_are_made_ahead_once_and_kept_from_others(ring: Keyring, public: PublicKeys, tmp_path: Path) -> None:
    assert len(keylist.read(public).keys) == keyring.WEEKS_AHEAD + 1
    assert keyring.make_keys(ring, public, TODAY) == []
    files = [path for folder in ring.folders for path in folder.iterdir()]
    assert len(files) == 2 * (keyring.WEEKS_AHEAD + 2)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in ring.folders} == {0o700}
    assert stat.S_IMODE(public.path.stat().st_mode) == 0o644


def test_a_week_later_one_more_is_made_and_the_past_leaves_the_list(ring: Keyring, public: PublicKeys) -> None:
    assert keyring.make_keys(ring, public, date(2026, 12, 1)) == ["2027-W02"]
    assert WEEK not in keylist.read(public).keys and keyring.has_key(ring, WEEK)


def test_the_secret_that_is_made_on_first_use_is_kept(tmp_path: Path) -> None:
    own = Keyring(tmp_path / "keyring")
    keyring.make_keys(own, public_of(tmp_path), TODAY)
    assert stat.S_IMODE(own.own_secret.stat().st_mode) == 0o600 and own.own_secret.parent == tmp_path
    assert keyring.has_key(Keyring(tmp_path / "keyring"), WEEK)
    own.own_secret.unlink()
    with pytest.raises(SecretWrong, match=r"keyring\.secret is gone"):
        keyring.make_keys(own, public_of(tmp_path), date(2026, 12, 1))
    assert not own.own_secret.exists()  # one made anew would open nothing


@pytest.mark.parametrize(
    ("secret", "command", "words"),
    [
        ("another secret", "", "no file of it opens"),
        ("", "false", "the command failed (CalledProcessError)"),
        ("", "no-such-command-anywhere", "the command failed (FileNotFoundError)"),
        ("", "true", "the secret is empty"),
        ("", "printf '\\377'", "the command failed (ValueError)"),
        ("", "unbalanced 'quote", "the command failed (ValueError)"),
    ],
)
def test_with_a_wrong_secret_nothing_opens_and_nothing_is_changed(
    ring: Keyring, public: PublicKeys, secret: str, command: str, words: str
) -> None:
    before = contents(ring)
    wrong = replace(ring, secret=secret, command=command)
    assert not keyring.has_key(wrong, WEEK)
    for act in (
        lambda: keyring.open_box(wrong, WEEK, uuid4(), b""),
        lambda: keyring.make_keys(wrong, public, date(2026, 12, 1)),
        lambda: keyring.replace_keys(wrong, public, TODAY),
        lambda: keyring.new_root(wrong, public, TODAY),
        lambda: keyring.root_text(wrong),
        lambda: keyring.pepper(wrong, WEEK),
        lambda: keyfiles.fill_copy(wrong),
    ):
        with pytest.raises(SecretWrong) as refusal:
            act()
        assert words in str(refusal.value) and "made-up" not in str(refusal.value)
    assert contents(ring) == before


def test_a_command_tells_the_secret_without_a_shell_and_without_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SECRET_KEY", "not for children")
    monkeypatch.setenv("KEYRING_SECRET_FILE", "not for children")
    program = "import os; print('told;$(id)', sorted(n for n in os.environ if 'SECRET' in n))"
    kms = Keyring(tmp_path / "keyring", command=f'{sys.executable} -c "{program}"')
    keyring.make_keys(kms, public_of(tmp_path), TODAY)
    assert keyring.has_key(Keyring(tmp_path / "keyring", secret="told;$(id) []"), WEEK)
    assert "told" not in caplog.text and "told;" not in repr(kms)


def test_a_command_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keysecret, "COMMAND_SECONDS", 0.1)
    slow = Keyring(tmp_path / "keyring", command="sleep 60")
    for _ in range(2):  # the second time at once: it is not asked again every second
        with pytest.raises(SecretWrong, match="TimeoutExpired"):
            keyring.make_keys(slow, public_of(tmp_path), TODAY)


def test_a_destroyed_key_opens_nothing(ring: Keyring, public: PublicKeys) -> None:
    order, (epoch, key) = uuid4(), keylist.today(public, TODAY)
    box = sealing.seal(key, epoch, order, b"Robin Example")
    assert keyring.destroy(ring, WEEK)
    assert not keyring.destroy(ring, WEEK)
    with pytest.raises(KeyGone):
        keyring.open_box(ring, WEEK, order, box)


def test_a_destroyed_key_s_bytes_are_overwritten_where_they_lie(ring: Keyring) -> None:
    leftover = ring.directory / f".{WEEK}.key.0123456789abcdef"  # of a crash while it was written
    leftover.write_bytes((ring.directory / f"{WEEK}.key").read_bytes())
    paths = [*(folder / f"{WEEK}.key" for folder in ring.folders), leftover]
    opened = [path.open("rb", buffering=0) for path in paths]
    keyring.destroy(ring, WEEK)
    for same_blocks, path in zip(opened, paths, strict=True):
        with same_blocks:
            assert same_blocks.read() == bytes(64) and not path.exists()


@pytest.mark.parametrize("away", ["gone", "bare mount point", "a file"])
def test_while_the_copy_is_away_no_key_is_made_or_destroyed(ring: Keyring, public: PublicKeys, away: str) -> None:
    assert ring.copy is not None
    ring.copy.rename(ring.copy.with_name("elsewhere"))
    if away == "bare mount point":
        ring.copy.mkdir()
    if away == "a file":
        ring.copy.touch()
    before = contents(Keyring(ring.directory))
    for act in (
        lambda: keyring.make_keys(ring, public, date(2026, 12, 1)),
        lambda: keyring.replace_keys(ring, public, TODAY),
        lambda: keyring.destroy(ring, WEEK),
        lambda: keyring.pepper(ring, WEEK),
    ):
        with pytest.raises(CopyAway):
            act()
    assert contents(Keyring(ring.directory)) == before
    assert keyring.has_key(ring, WEEK)  # reading goes on


@pytest.mark.parametrize("damage", [None, b"", b"cut", bytes(32), bytes(64)])
@pytest.mark.parametrize("which", [0, 1])
def test_one_folder_stands_in_for_the_other_and_mends_it(
    ring: Keyring, public: PublicKeys, which: int, damage: bytes | None
) -> None:
    before, hurt = contents(ring), ring.folders[which] / f"{WEEK}.key"
    hurt.unlink()
    if damage is not None:
        hurt.write_bytes(damage)
    assert keyring.has_key(ring, WEEK)
    keyring.make_keys(ring, public, TODAY)
    assert contents(ring) == before


def test_a_new_second_folder_is_filled(tmp_path: Path) -> None:
    alone = Keyring(tmp_path / "keyring", secret="a made-up secret")
    keyring.make_keys(alone, public_of(tmp_path), TODAY)
    both = replace(alone, copy=tmp_path / "copy")
    keyfiles.fill_copy(both)
    assert contents(Keyring(tmp_path / "copy")) == contents(alone)
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"x", bytes(31), bytes(33), bytes(64)])
def test_a_damaged_key_file_opens_nothing_and_is_a_refusal(ring: Keyring, public: PublicKeys, content: bytes) -> None:
    alone = replace(ring, copy=None)
    for name in (f"{WEEK}.key", "root.key", f"{WEEK}.pepper"):
        keyring.pepper(alone, WEEK)
        (alone.directory / name).write_bytes(content)
    assert not keyring.has_key(alone, WEEK)
    with pytest.raises(KeyGone):
        keyring.open_box(alone, WEEK, uuid4(), b"")
    for act in (
        lambda: keyring.pepper(alone, WEEK),
        lambda: keyring.root_text(alone),
        lambda: keyring.make_keys(alone, public, TODAY),
    ):
        with pytest.raises(Damaged, match="damaged"):
            act()


def test_public_halves_that_were_lost_are_made_from_the_private_ones(ring: Keyring, public: PublicKeys) -> None:
    before = keylist.read(public)
    public.path.unlink()
    assert keyring.make_keys(ring, public, TODAY) == sorted(before.keys)
    after = keylist.read(public)
    assert halves(after) == halves(before) and after.serial > before.serial


def test_epochs_that_nobody_could_open_are_told(ring: Keyring, public: PublicKeys) -> None:
    ring = replace(ring, copy=None)
    assert keyring.lost_epochs(ring, public, TODAY) == []
    (ring.directory / "2026-W48.key").unlink()
    (ring.directory / "2026-W50.key").write_bytes(b"cut")
    keyfiles.write(ring, "2026-W51.key", X25519PrivateKey.generate().private_bytes_raw())
    keyring.make_keys(ring, public, TODAY)  # a published key is never replaced by itself
    assert keyring.lost_epochs(ring, public, TODAY) == ["2026-W48", "2026-W50", "2026-W51"]
    assert keyring.lost_epochs(ring, public, date(2026, 12, 7)) == ["2026-W50", "2026-W51"]


def test_replaced_keys_are_no_longer_published_and_still_open(ring: Keyring, public: PublicKeys) -> None:
    order, (epoch, key) = uuid4(), keylist.today(public, TODAY)
    box = sealing.seal(key, epoch, order, b"Robin Example")
    assert keyring.replace_keys(ring, public, TODAY, [WEEK]) == {WEEK: f"{WEEK}b"}
    assert keyring.replace_keys(ring, public, TODAY, [f"{WEEK}b"]) == {f"{WEEK}b": f"{WEEK}c"}
    after = keylist.read(public)
    assert after.epoch(TODAY) == f"{WEEK}c" and WEEK not in after.keys and f"{WEEK}b" not in after.keys
    assert keyring.open_box(ring, WEEK, order, box) == b"Robin Example"
    assert set(keyring.replace_keys(ring, public, TODAY)) == set(after.keys)
    assert len(set(halves(keylist.read(public)).values()) | set(halves(after).values())) == 14  # none is used again
    with pytest.raises(keyring.NotPublished):
        keyring.replace_keys(ring, public, TODAY, [WEEK])


def test_a_lost_key_s_name_is_not_given_again(ring: Keyring, public: PublicKeys) -> None:
    for folder in ring.folders:
        (folder / f"{WEEK}.key").unlink()
    assert keyring.replace_keys(ring, public, TODAY, [WEEK]) == {WEEK: f"{WEEK}b"}


def test_a_key_can_be_replaced_until_the_letters_end(ring: Keyring, public: PublicKeys) -> None:
    for letter in "bcdefghijklmnopqrstuvwxyz":
        (new,) = keyring.replace_keys(ring, public, TODAY, [keylist.today(public, TODAY)[0]]).values()
        assert new == WEEK + letter
    with pytest.raises(keyring.TooOften):
        keyring.replace_keys(ring, public, TODAY, [new])


def test_a_new_root_signs_the_same_keys(ring: Keyring, public: PublicKeys, tmp_path: Path) -> None:
    before = keylist.read(public)
    text = keyring.new_root(ring, public, TODAY)
    assert text != public.root and public_of(tmp_path).root == text
    assert halves(keylist.read(public_of(tmp_path))) == halves(before)
    with pytest.raises(keylist.KeysUntrusted):
        keylist.read(public)  # who pins the old one takes nothing
    assert keyring.make_keys(ring, public_of(tmp_path), TODAY) == []


def test_a_new_root_signs_only_what_lies_here_where_the_list_cannot_be_trusted(
    ring: Keyring, public: PublicKeys, tmp_path: Path
) -> None:
    before, signed = keylist.read(public), json.loads(public.path.read_bytes())
    signed["list"]["keys"][WEEK] = foreign_key()
    public.path.write_text(json.dumps(signed))
    keyring.new_root(ring, public, TODAY)
    assert halves(keylist.read(public_of(tmp_path))) == halves(before)


def test_without_its_root_a_keyring_makes_none_beside_the_pin(ring: Keyring, public: PublicKeys) -> None:
    away = replace(ring, directory=ring.directory.with_name("not-mounted"), copy=None)
    with pytest.raises(RootGone):
        keyring.make_keys(away, public, date(2026, 12, 1))
    assert list(away.directory.iterdir()) == []


def test_a_foreign_keyring_signs_nothing(ring: Keyring, public: PublicKeys, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    foreign = Keyring(tmp_path / "other" / "keyring", secret="a made-up secret")
    keyring.make_keys(foreign, public_of(tmp_path / "other"), TODAY)
    before = public.path.read_bytes()
    with pytest.raises(RootDiffers):
        keyring.make_keys(foreign, public, date(2026, 12, 1))
    assert public.path.read_bytes() == before


def older_version(folder: Path) -> dict[str, bytes]:
    """The keys as the version before kept them: private halves plain, the list unsigned. Gives the private halves."""
    (folder / "keyring").mkdir(mode=0o700)
    raw = {f"2026-W{week}": X25519PrivateKey.generate().private_bytes_raw() for week in range(46, 54)}
    published = {}
    for epoch, private in raw.items():
        (folder / "keyring" / f"{epoch}.key").write_bytes(private)
        half = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
        published[epoch] = base64.b64encode(half).decode()
    published["2026-W50"] = foreign_key()  # somebody who could write the unsigned list put theirs in
    (folder / "public-keys.json").write_text(json.dumps(published))
    return raw


def test_an_older_instance_is_brought_up_to_date(tmp_path: Path) -> None:
    raw, ring = older_version(tmp_path), Keyring(tmp_path / "keyring", secret="a made-up secret")
    opened = {epoch: (ring.directory / f"{epoch}.key").open("rb", buffering=0) for epoch in raw}
    done = keyring.upgrade(ring, public_of(tmp_path))
    assert "Wrapped 8 private keys" in done[0] and "unsigned list" in done[1]
    keyring.make_keys(ring, public_of(tmp_path), TODAY)
    published = halves(keylist.read(public_of(tmp_path)))
    for epoch, private in raw.items():
        half = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
        assert published.get(epoch, half) == half  # the foreign one is not signed
        assert keyfiles.read(ring, f"{epoch}.key") == private
        with opened[epoch] as same_blocks:
            assert same_blocks.read() == bytes(32)
    assert not any(found for found in raw.values() if any(found in path.read_bytes() for path in every_file(tmp_path)))
    assert keyring.upgrade(ring, public_of(tmp_path)) == []


def test_an_unsigned_list_beside_a_root_is_not_signed(ring: Keyring, public: PublicKeys) -> None:
    public.path.write_text(json.dumps({WEEK: foreign_key()}))
    assert keyring.upgrade(ring, public) == []
    with pytest.raises(keylist.KeysUntrusted):
        keyring.make_keys(ring, public, TODAY)


def test_the_secret_is_changed_file_by_file_and_again(ring: Keyring, public: PublicKeys) -> None:
    keyring.pepper(ring, WEEK)
    raw = {name: keyfiles.read(ring, name) for name in keyfiles.names(ring)}
    new = replace(ring, secret="another made-up secret")
    (ring.directory / "2026-W49.key").write_bytes(b"damaged before")
    with pytest.raises(SecretWrong):
        keyfiles.rewrap(new, replace(ring, secret="neither of them"))
    for _ in range(2):  # a second time after a crash: what is done stays
        assert keyfiles.rewrap(new, ring) == [str(ring.directory / "2026-W49.key")]
        assert {name: keyfiles.read(new, name) for name in raw} == raw
        with pytest.raises(SecretWrong):
            keyring.root_text(ring)
    keyfiles.mend(new)
    assert keyfiles.rewrap(new, ring) == []


def test_a_change_of_secret_that_stopped_halfway_goes_on(ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, new = {name: keyfiles.read(ring, name) for name in keyfiles.names(ring)}, replace(ring, secret="another one")
    real, calls = files.write_durably, []

    def crash(path: Path, content: bytes, mode: int = 0o600) -> None:
        calls.append(path)
        if len(calls) == 5:
            raise RuntimeError("the power went")
        real(path, content, mode)

    monkeypatch.setattr(keyfiles, "write_durably", crash)
    with pytest.raises(RuntimeError):
        keyfiles.rewrap(new, ring)
    monkeypatch.undo()
    assert keyfiles.rewrap(new, ring) == []
    assert {name: keyfiles.read(new, name) for name in raw} == raw


def test_peppers_are_made_once_and_destroyed(ring: Keyring) -> None:
    first = keyring.pepper(ring, WEEK)
    assert len(first) == 32 and keyring.pepper(ring, WEEK) == first != keyring.pepper(ring, "2026-W49")
    assert keyring.peppers(ring) == [WEEK, "2026-W49"] and WEEK in keyring.private_epochs(ring)
    assert keyring.destroy(ring, WEEK, "pepper") and keyring.peppers(ring) == ["2026-W49"]
    assert keyring.has_key(ring, WEEK)


def test_a_file_of_the_ring_does_not_open_under_another_name(ring: Keyring) -> None:
    for folder in ring.folders:
        (folder / f"{WEEK}.key").write_bytes((folder / "2026-W49.key").read_bytes())
    assert not keyring.has_key(ring, WEEK) and keyring.has_key(ring, "2026-W49")


def test_no_key_lies_on_disk_as_it_is(ring: Keyring, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    for name in keyfiles.names(ring):
        raw = keyfiles.read(ring, name) or b""
        forms = (raw, raw.hex().encode(), base64.b64encode(raw), base64.urlsafe_b64encode(raw))
        assert not [path for path in every_file(tmp_path) for form in forms if form in path.read_bytes()]
        for form in forms:
            planted.write_bytes(b"before" + form + b"behind")
            assert [path for path in every_file(tmp_path) if form in path.read_bytes()] == [planted]
        planted.unlink()


def test_processes_that_make_keys_at_once_publish_halves_that_fit(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as processes:
        list(processes.map(make, [folder for folder in folders for _ in range(4)]))
    for folder in folders:
        ring, public = Keyring(folder / "keyring"), public_of(folder)
        assert len(keylist.read(public).keys) == keyring.WEEKS_AHEAD + 1
        assert keyring.lost_epochs(ring, public, TODAY) == []


def make(folder: Path) -> None:
    """Make keys, as each process does in the test above."""
    keyring.make_keys(Keyring(folder / "keyring"), public_of(folder), TODAY)


def contents(ring: Keyring) -> dict[str, bytes]:
    """Every file of every folder."""
    return {
        f"{number}/{path.name}": path.read_bytes()
        for number, folder in enumerate(ring.folders)
        if folder.is_dir()
        for path in folder.iterdir()
    }


def every_file(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def halves(published: keylist.KeyList) -> dict[str, bytes]:
    """The public halves as bytes, which compare."""
    return {epoch: key.public_bytes_raw() for epoch, key in published.keys.items()}


def foreign_key() -> str:
    return keylist.as_text(X25519PrivateKey.generate().public_key().public_bytes_raw())
