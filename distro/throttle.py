"""Slowing down those who try again and again, without keeping who they are.

A count stands under a keyed hash of the client's network, in memory alone. The key is drawn at random and forgotten
every ten minutes, and the counts with it: nobody, we included, can tell later which networks were counted.
"""

import hashlib
import hmac
import ipaddress
import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

KEY_LIVES = timedelta(minutes=10)
MOST_NETWORKS = 4_096  # counted at a time; of more, those with the fewest wrong tries are forgotten
_TAG_BYTES = 8


@dataclass
class Throttle:
    """Counts wrong tries by network; `most` within the life of a key are borne."""

    most: int
    _key: bytes = field(default=b"", repr=False)
    _made_at: datetime | None = field(default=None, repr=False)
    _counts: dict[bytes, int] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def allows(self, address: str, now: datetime, of: str = "") -> bool:
        """Whether a client may try: its network has not failed too often since the key was made.

        With `of`, what it tries, such as an account, each is counted apart.
        """
        with self._lock:
            return self._counts.get(self._place(address, of, now), 0) < self.most

    def count(self, address: str, now: datetime, of: str = "") -> None:
        """Count a wrong try."""
        with self._lock:
            place = self._place(address, of, now)
            if place not in self._counts and len(self._counts) >= MOST_NETWORKS:
                del self._counts[min(self._counts, key=self._counts.__getitem__)]  # of equals, the oldest
            self._counts[place] = self._counts.get(place, 0) + 1

    def retry_after(self, now: datetime) -> int:
        """Seconds until all counts are forgotten."""
        with self._lock:
            left = (self._made_at or now) + KEY_LIVES - now
        return max(1, int(left.total_seconds()))

    def _place(self, address: str, of: str, now: datetime) -> bytes:
        if self._made_at is None or not self._made_at <= now < self._made_at + KEY_LIVES:
            self._key, self._made_at, self._counts = secrets.token_bytes(32), now, {}
        counted = f"{network_of(address)}\0{of}".encode("utf-8", "replace")
        return hmac.digest(self._key, counted, hashlib.sha256)[:_TAG_BYTES]


def network_of(address: str) -> str:
    """The network that an address is counted under: its /24, for IPv6 its /56; "" for what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 56), strict=False))
