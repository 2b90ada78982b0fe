"""Recall notices for whoever types a code, also after its address was erased.

One statement, the same for every code, whether it stands for an order or not. Where another parcel went in
place of one that never came, the code is the later order's; the notices of the earlier ones are shown with it.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro.languages import pick
from inventory.models import Recall
from orders.models import Notice, Order


def of_tags(session: Session, tags: Sequence[bytes]) -> list[str]:
    """What people are to do, newest recall first, in the reader's language; none of an unknown code."""
    mine = select(Order.id).where(Order.code_tag.in_(tags)).cte("mine", recursive=True)
    mine = mine.union(select(Order.id).join(mine, Order.resent_as_id == mine.c.id))
    query = (
        select(Recall.text, Recall.text_es)
        .select_from(mine)
        .join(Notice, Notice.order_id == mine.c.id)
        .join(Recall, Recall.id == Notice.recall_id)
        .order_by(Recall.made_on.desc(), Recall.id.desc())
    )
    return list(dict.fromkeys(pick(text, text_es) for text, text_es in session.execute(query)))
