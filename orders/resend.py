"""When someone may say that a parcel never came, and when another one goes by itself. Pure; docs/limits.md says why.

`orders.replacement` does it, in the scheduler.
"""

from datetime import date, timedelta

from orders.models import Door, Order, Status

# The post gives a small parcel two to five working days between most places, and longer to the islands, Alaska and
# the military. Most of what is late still comes within ten days; two parcels for one are supplies someone else lacks.
NOT_BEFORE = timedelta(days=10)
# One parcel in place of another goes by itself, since most losses are the carrier's and nobody should have to explain.
# After that a person looks, for as long as we can tell: an address's tags live five weeks (orders.household), and to
# look back further would mean keeping for longer who lives where.
LOOKED_BACK = timedelta(days=35)


def told_from(order: Order) -> date | None:
    """The first day on which it can be said; None while it has not left."""
    return order.closed_on + NOT_BEFORE if order.status == Status.SHIPPED and order.closed_on else None


def may_tell(order: Order, today: date) -> bool:
    """Whether it can be said now, once. When its address is erased nobody can ask any more: its code is unknown."""
    since = told_from(order)
    return since is not None and since <= today and order.lost_on is None


def goes_by_itself(order: Order, *, before: bool) -> bool:
    """Whether one in place of `order` goes without a person looking; `before`: one such went to that home before."""
    return order.door != Door.RESEND and not before
