"""Labels that are about to be made, and what is taken back if none came out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date

from sqlalchemy.orm import Session

from distro import audit
from orders import workflow
from orders.identity import VIEW, TooManyViews
from orders.models import Order, Status


@contextmanager
def attempt(session: Session, orders: Sequence[Order]) -> Iterator[None]:
    """Whatever goes wrong inside, no label came out, so nothing is ready to ship: each order is as before.

    But not if a colleague made its label meanwhile: a day cannot tell theirs from ours, so the lines in the record do.
    The caller holds the orders' rows. It commits what it takes back, since the view inside has committed.
    """
    before = [(order, _labelled_on(session, order), _views(session, order)) for order in orders]
    try:
        yield
    except TooManyViews:  # nothing stays of it but the line that says so
        raise
    except Exception:
        session.rollback()
        for order, labelled_on, views in before:
            with suppress(workflow.AlreadyMoved):
                workflow.lock(session, order, Status.PACKED)
                if _labelled_on(session, order) and _views(session, order) <= views + 1 and order.parcel:
                    order.parcel.labelled_on = labelled_on
        session.commit()
        raise


def _labelled_on(session: Session, order: Order) -> date | None:
    if order.parcel is None:
        return None
    session.refresh(order.parcel)
    return order.parcel.labelled_on


def _views(session: Session, order: Order) -> int:
    return audit.count(session, action=VIEW, subject=order.document)
