"""“Tell me when”: what someone wants to hear of, sealed by itself, apart from any request. It goes after two weeks.

`orders.wish_pages` asks, `orders.wishing` reads.
"""

import json
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from distro.config import Settings
from distro.db import insert
from inventory.models import Item
from orders import words
from orders.models import Wish

KEPT = timedelta(days=14)


def ask(
    session: Session,
    settings: Settings,
    *,
    nonce: bytes,
    item: Item,
    state: str,
    zip_code: str,
    contact: dict[str, Any],
    language: str,
    today: date,
) -> None:
    """Write down a wish, sealed; the same one twice is one, and a mended one another. `nonce` is that of the form,
    `contact` what ContactSchema gives. Raises Unavailable if nothing can be sealed."""
    told = {**contact, "language": language, "zip": zip_code}
    purpose = f"wish {item.code} {json.dumps(told, sort_keys=True)}"  # hashed with our secret and the form's nonce
    uid = words.uid_of(settings.secret_key, purpose, nonce)
    said = words.seal(settings, uid, told, today)
    values = {"uid": uid, "state": state, "item_id": item.id, "epoch": said.epoch, "sealed": said.box, "made_on": today}
    session.execute(insert(session, Wish).values(values).on_conflict_do_nothing())
