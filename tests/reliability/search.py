"""Searching bytes for many words at once, in every form in which they may lie on a disk.

A pass costs about a second per hundred megabytes, however many words: numpy looks up the first three bytes at each
place in a table, then the first eight, and only what is left is compared in full.
"""

import base64
import html
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from distro.config import Settings

HEAD = 8  # bytes; a form that is shorter would be found by chance
CHUNK = 1 << 24


def forms(word: str) -> dict[str, set[bytes]]:
    """The ways a word may lie on disk, by name."""
    raw = word.encode()
    narrow = [raw, word.encode("latin-1", "ignore")]
    return {
        "utf-8": {raw},
        "latin-1": {word.encode("latin-1", "ignore")},
        "utf-16le": {word.encode("utf-16le")},
        "utf-16be": {word.encode("utf-16be")},
        "case": {folded.encode() for folded in (word.lower(), word.upper(), word.title(), word.casefold())},
        "reversed": {text[::-1] for text in narrow} | {word[::-1].encode()},
        "hex": {digits for text in narrow for digits in (text.hex().encode(), text.hex().upper().encode())},
        "base64": {piece for text in narrow for shift in range(3) for piece in _base64(text, shift)},
        "percent": {quote(word, "").encode(), quote_plus(word).encode(), _each(raw, "%{:02X}"), _each(raw, "%{:02x}")},
        "json": {json.dumps(word)[1:-1].encode(), "".join(f"\\u{ord(sign):04x}" for sign in word).encode()},
        "entity": {
            html.escape(word).encode("ascii", "xmlcharrefreplace"),
            "".join(f"&#{ord(sign)};" for sign in word).encode(),
            "".join(f"&#x{ord(sign):x};" for sign in word).encode(),
        },
    }


class Search:
    """Looks for words; made once, used on any bytes."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_head: dict[bytes, list[tuple[bytes, str]]] = defaultdict(list)
        for word in set(words):
            for form in {form for ways in forms(word).values() for form in ways}:
                assert len(form) >= HEAD, (word, form)
                self._by_head[form[:HEAD]].append((form, word))
        heads = np.frombuffer(b"".join(self._by_head), dtype="<u8")
        self._heads = np.sort(heads)
        self._starts = np.zeros(1 << 24, dtype=bool)
        self._starts[heads & 0xFFFFFF] = True

    def words_in(self, content: bytes) -> set[str]:
        """Which words lie in `content`, in any form."""
        found: set[str] = set()
        for start in range(0, len(content), CHUNK):
            piece = np.frombuffer(content, dtype=np.uint8, offset=start, count=min(CHUNK + HEAD, len(content) - start))
            for place in self._likely(piece):
                at = start + int(place)
                for form, word in self._by_head[content[at : at + HEAD]]:
                    if content.startswith(form, at):
                        found.add(word)
        return found

    def _likely(self, piece: "np.ndarray[tuple[int], np.dtype[np.uint8]]") -> Iterator[int]:
        """Where one of the forms may begin: the places at which its first eight bytes stand."""
        if len(piece) < HEAD:
            return
        last = len(piece) - HEAD + 1
        three = piece[:last].astype(np.uint32)
        three |= piece[1 : last + 1].astype(np.uint32) << 8
        three |= piece[2 : last + 2].astype(np.uint32) << 16
        places = np.flatnonzero(self._starts[three])
        eight = np.zeros(len(places), dtype=np.uint64)
        for offset in range(HEAD):
            eight |= piece[places + offset].astype(np.uint64) << np.uint64(8 * offset)
        yield from places[np.isin(eight, self._heads)].tolist()


def forms_of(word: str) -> list[bytes]:
    """All of the forms, without their names."""
    return sorted({form for ways in forms(word).values() for form in ways})


def everything_on_disk(settings: Settings, session: Session) -> Iterator[tuple[str, bytes]]:
    """Every file of the instance but the keyring, and every file of the database server's own directory."""
    roots = [settings.instance]
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("CHECKPOINT"))
        roots.append(Path(session.scalar(text("SHOW data_directory")) or ""))
    else:
        roots.append(Path(str(session.get_bind().engine.url.database)).parent)
    session.commit()
    for root in roots:
        found = list(files(root, but=settings.keyring))
        assert found, root
        yield from ((str(path), content) for path, content in found)


def files(*roots: Path, but: Path | None = None) -> Iterator[tuple[Path, bytes]]:
    """Every file below the roots, hidden ones too, without what lies in the folder `but`."""
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.is_file() and not path.is_symlink() and (but is None or but not in path.parents):
                try:
                    yield path, path.read_bytes()
                except FileNotFoundError:  # a live database removes files of its own
                    continue


def _base64(raw: bytes, shift: int) -> Iterator[bytes]:
    """The letters that are the same whatever stands before (`shift` bytes more than a multiple of three) and after."""
    first, last = -(-8 * shift // 6), 8 * (shift + len(raw)) // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(bytes(shift) + raw)[first:last]


def _each(raw: bytes, form: str) -> bytes:
    return "".join(form.format(byte) for byte in raw).encode()
