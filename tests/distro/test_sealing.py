"""Sealing against RFC 9180 itself, written out here from its text; and every box that is not ours refused."""

import hashlib
import hmac
from collections.abc import Callable
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given, settings
from hypothesis import strategies as st

from distro.keys import sealing
from distro.keys.sealing import BUCKETS, OVERHEAD, SealBroken, seal, unseal

ORDER, OTHER = UUID("00000000-0000-4000-8000-000000000001"), UUID("00000000-0000-4000-8000-000000000002")
EPOCH = "2026-W48"
PRIVATE = X25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key()
AES_128, AES_256 = (b"\x00\x01", 16), (b"\x00\x02", 32)  # aead_id and Nk, RFC 9180 section 7.3
# RFC 9180 appendix A.1.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode, the first message.
A_1_1 = {
    name: bytes.fromhex(value)
    for name, value in {
        "info": "4f6465206f6e2061204772656369616e2055726e",
        "skEm": "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
        "pkEm": "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
        "skRm": "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
        "pkRm": "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
        "shared_secret": "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc",
        "key": "4531685d41d65f03dc48f6b8302c05b0",
        "base_nonce": "56d890e5accaaf011cff4b7d",
        "pt": "4265617574792069732074727574682c20747275746820626561757479",
        "aad": "436f756e742d30",
        "ct": "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
    }.items()
}


# -- RFC 9180, by hand --


def extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), ikm, hashlib.sha256)


def expand(key: bytes, info: bytes, length: int) -> bytes:
    block = made = b""
    while len(made) < length:
        block = hmac.digest(key, block + info + bytes([len(made) // 32 + 1]), hashlib.sha256)
        made += block
    return made[:length]


def labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def shared_secret(dh: bytes, enc: bytes, recipient: bytes) -> bytes:
    """Section 4.1: ExtractAndExpand of DHKEM(X25519, HKDF-SHA256)."""
    suite = b"KEM\x00\x20"
    return labeled_expand(suite, labeled_extract(suite, b"", b"eae_prk", dh), b"shared_secret", enc + recipient, 32)


def key_schedule(secret: bytes, info: bytes, aead: tuple[bytes, int]) -> tuple[bytes, bytes]:
    """Section 5.1, base mode: the key and the nonce of the first message."""
    suite = b"HPKE\x00\x20\x00\x01" + aead[0]
    context = (
        b"\x00" + labeled_extract(suite, b"", b"psk_id_hash", b"") + labeled_extract(suite, b"", b"info_hash", info)
    )
    secret = labeled_extract(suite, secret, b"secret", b"")
    return labeled_expand(suite, secret, b"key", context, aead[1]), labeled_expand(
        suite, secret, b"base_nonce", context, 12
    )


def seal_by_hand(ephemeral: X25519PrivateKey, recipient: X25519PublicKey, info: bytes, text: bytes) -> bytes:
    enc = ephemeral.public_key().public_bytes_raw()
    secret = shared_secret(ephemeral.exchange(recipient), enc, recipient.public_bytes_raw())
    key, nonce = key_schedule(secret, info, AES_256)
    return enc + AESGCM(key).encrypt(nonce, text, b"")


def open_by_hand(private: X25519PrivateKey, info: bytes, box: bytes) -> bytes:
    enc = box[:32]
    dh = private.exchange(X25519PublicKey.from_public_bytes(enc))
    key, nonce = key_schedule(shared_secret(dh, enc, private.public_key().public_bytes_raw()), info, AES_256)
    return AESGCM(key).decrypt(nonce, box[32:], b"")


def padded(text: bytes, size: int = BUCKETS[0]) -> bytes:
    return len(text).to_bytes(2, "big") + text + bytes(size - 2 - len(text))


def bound(epoch: str = EPOCH, order: UUID = ORDER) -> bytes:
    return b"distro sealed request 1\0" + epoch.encode() + b"\0" + order.bytes


def test_what_is_written_out_here_is_rfc_9180() -> None:
    known = A_1_1
    sender, recipient = map(X25519PrivateKey.from_private_bytes, (known["skEm"], known["skRm"]))
    assert sender.public_key().public_bytes_raw() == known["pkEm"]
    assert recipient.public_key().public_bytes_raw() == known["pkRm"]
    secret = shared_secret(sender.exchange(recipient.public_key()), known["pkEm"], known["pkRm"])
    assert secret == known["shared_secret"]
    key, nonce = key_schedule(secret, known["info"], AES_128)
    assert (key, nonce) == (known["key"], known["base_nonce"])
    assert AESGCM(key).encrypt(nonce, known["pt"], known["aad"]) == known["ct"]


def test_the_library_has_the_key_and_nonce_of_rfc_9180() -> None:
    """It takes no associated data beside `info`, so the message is sealed without any; all else is the RFC's."""
    suite, known = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM), A_1_1
    private = X25519PrivateKey.from_private_bytes(known["skRm"])
    sealed = AESGCM(known["key"]).encrypt(known["base_nonce"], known["pt"], b"")
    assert suite.decrypt(known["pkEm"] + sealed, private, info=known["info"]) == known["pt"]


@given(text=st.binary(max_size=BUCKETS[0] - 2), ephemeral=st.binary(min_size=32, max_size=32))
@settings(max_examples=50)
def test_our_boxes_are_rfc_9180_s_in_both_directions(text: bytes, ephemeral: bytes) -> None:
    assert open_by_hand(PRIVATE, bound(), seal(PUBLIC, EPOCH, ORDER, text)) == padded(text)
    by_hand = seal_by_hand(X25519PrivateKey.from_private_bytes(ephemeral), PUBLIC, bound(), padded(text))
    assert unseal(PRIVATE, EPOCH, ORDER, by_hand) == text


@pytest.mark.parametrize(
    ("ephemeral", "text", "digest"),
    [
        (1, b"", "ce409579cb11b30f16b61b71199e4f30d8006816eef1a1f1e09350cbd69b6210"),
        (2, b"Robin Example", "76d59e592f4313d76bed0f954249a077bf4bd8863e880a856c19710971cf2b13"),
        (3, b"x" * 2_046, "feebbe32c0dc1c49fb996266b641f8695ec3e847502529ed7d7c50b7f7c235f2"),
        (4, b"x" * 2_047, "e5ffdfc11382f571dd1c80155498ea29b133505f81499fa36a6c6aca786aa91f"),
        (5, bytes(8_190), "e75cdfdec506632ed64dd70721c9c1cc728dcbe0d14e2e6838f35b0ca23d566b"),
    ],
)
def test_boxes_of_this_version_open_in_every_later_one(ephemeral: int, text: bytes, digest: str) -> None:
    """Made once with fixed keys. If this fails, what is stored can no longer be opened."""
    size = BUCKETS[0] if len(text) + 2 <= BUCKETS[0] else BUCKETS[1]
    sender = X25519PrivateKey.from_private_bytes(bytes([ephemeral]) * 32)
    box = seal_by_hand(sender, PUBLIC, bound(), padded(text, size))
    assert hashlib.sha256(box).hexdigest() == digest
    assert unseal(PRIVATE, EPOCH, ORDER, box) == text


# -- what a box shows, and what it refuses --


@given(text=st.binary(min_size=1, max_size=BUCKETS[-1] - 2))
@settings(max_examples=200)
def test_a_box_shows_its_bucket_and_no_more(text: bytes) -> None:
    box = seal(PUBLIC, EPOCH, ORDER, text)
    bucket = BUCKETS[0] if len(text) <= BUCKETS[0] - 2 else BUCKETS[1]
    assert len(box) == bucket + OVERHEAD and unseal(PRIVATE, EPOCH, ORDER, box) == text


def test_every_length_of_a_bucket_makes_the_same_box() -> None:
    lengths = {len(seal(PUBLIC, EPOCH, ORDER, bytes(length))) for length in range(1, BUCKETS[0] - 1)}
    assert lengths == {BUCKETS[0] + OVERHEAD}
    assert {len(seal(PUBLIC, EPOCH, ORDER, bytes(length))) for length in (BUCKETS[0] - 1, BUCKETS[1] - 2)} == {
        BUCKETS[1] + OVERHEAD
    }


def test_what_fits_no_bucket_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="too long"):
        seal(PUBLIC, EPOCH, ORDER, bytes(BUCKETS[-1] - 1))


def test_the_same_text_never_makes_the_same_box() -> None:
    assert len({seal(PUBLIC, EPOCH, ORDER, b"Robin Example") for _ in range(100)}) == 100


def test_every_flipped_bit_is_refused() -> None:
    box = seal(PUBLIC, EPOCH, ORDER, b"Robin Example")
    places = [*range(0, 8 * 40), *range(8 * 40, 8 * len(box), 61), *range(8 * (len(box) - 16), 8 * len(box))]
    for place in places:
        flipped = bytearray(box)
        flipped[place // 8] ^= 1 << place % 8
        if place == 8 * 31 + 7:  # X25519 (RFC 7748, section 5) ignores this bit, HPKE binds it nevertheless
            assert open_fails(bytes(flipped))
        assert open_fails(bytes(flipped)), place
    assert not open_fails(box)  # control


@pytest.mark.parametrize(
    "change",
    [
        lambda box: b"",
        lambda box: box[:32],
        lambda box: box[:-1],
        lambda box: box[1:],
        lambda box: box + b"\0",
        lambda box: box + bytes(BUCKETS[1] - BUCKETS[0]),
        lambda box: box[: BUCKETS[0] // 2],
        lambda box: bytes(len(box)),
        lambda box: bytes(32) + box[32:],  # a point of small order
        lambda box: box[32:] + box[:32],
    ],
)
def test_a_box_that_was_cut_or_grew_is_refused(change: Callable[[bytes], bytes]) -> None:
    assert open_fails(change(seal(PUBLIC, EPOCH, ORDER, b"Robin Example")))


def test_a_box_opens_for_its_own_order_epoch_and_key_alone() -> None:
    box = seal(PUBLIC, EPOCH, ORDER, b"Robin Example")
    other = X25519PrivateKey.generate()
    for private, epoch, order in (
        (PRIVATE, EPOCH, OTHER),
        (PRIVATE, "2026-W49", ORDER),
        (PRIVATE, f"{EPOCH}b", ORDER),
        (PRIVATE, "", ORDER),
        (other, EPOCH, ORDER),
    ):
        with pytest.raises(SealBroken):
            unseal(private, epoch, order, box)
    assert unseal(PRIVATE, EPOCH, ORDER, box) == b"Robin Example"


def test_what_is_bound_cannot_be_cut_elsewhere() -> None:
    """No two pairs of epoch and order are bound alike: an epoch holds no NUL, and an id has one length."""
    assert sealing.bound_to(EPOCH, ORDER) == bound()
    assert len({sealing.bound_to(epoch, order) for epoch in (EPOCH, f"{EPOCH}b") for order in (ORDER, OTHER)}) == 4


@pytest.mark.parametrize("length", [BUCKETS[0] - 1, 65_535])
def test_a_length_that_lies_is_refused(length: int) -> None:
    text = length.to_bytes(2, "big") + bytes(BUCKETS[0] - 2)
    assert open_fails(seal_by_hand(X25519PrivateKey.generate(), PUBLIC, bound(), text))


def test_a_refusal_says_nothing_of_what_was_sealed() -> None:
    with pytest.raises(SealBroken) as refusal:
        unseal(PRIVATE, EPOCH, OTHER, seal(PUBLIC, EPOCH, ORDER, b"Robin Example"))
    assert "Robin" not in repr(refusal.value) and refusal.value.__cause__ is None


def open_fails(box: bytes) -> bool:
    try:
        unseal(PRIVATE, EPOCH, ORDER, box)
    except SealBroken:
        return True
    return False
