"""Mail to the admins: short, and with nothing of a participant in it."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import outbox
from distro.auth import Role, User


def tell(session: Session, *, subject: str, body: str, at: datetime) -> int:
    """Put a mail to every active admin in the outbox; gives back how many there are."""
    query = select(User.email).where(User.role == Role.ADMIN, User.active, User.email != "").order_by(User.id)
    found = session.scalars(query).all()
    for to in found:
        outbox.post(session, to=to, subject=subject, body=body, at=at)
    return len(found)
