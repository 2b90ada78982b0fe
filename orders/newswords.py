"""What the status page says of each step, and of what is under way: sentences for participants, and nothing else."""

from flask_babel import lazy_gettext as _l

from orders import instructions
from orders.models import GONE, KEY_LOST, TOO_OLD, Status

# One for all of these: if a request that a person looks at read otherwise, anyone could learn what an address got
# before, by asking for it and for the one next door.
GETTING_READY = _l("We have your request and are getting it ready.")
NEWS = {
    Status.RECEIVED: GETTING_READY,
    Status.HELD: GETTING_READY,
    Status.WAITING: _l("Your request is fine. We wait for more supplies, and then we pack it."),
    Status.ALLOCATED: GETTING_READY,
    Status.PICKING: GETTING_READY,
    Status.PACKED: _l("It is packed. It goes to the post next."),
    Status.SHIPPED: _l("It is in the mail."),
    Status.DECLINED: _l("We could not send this request. You can ask again, or call one of the helplines."),
    Status.CANCELLED: _l("This request is cancelled. Nothing will be sent."),
}
NEXT_UP = _l(
    "We check each request, and pack them in the order they came. Sometimes a person looks first. You do not have to "
    "do anything."
)
NEXT = {
    Status.RECEIVED: NEXT_UP,
    Status.HELD: NEXT_UP,
    Status.WAITING: _l(
        "You do not have to do anything. It goes out by itself as soon as more comes in. If you need something sooner, "
        "see who else can help."
    ),
    Status.ALLOCATED: NEXT_UP,
    Status.PICKING: NEXT_UP,
    Status.PACKED: _l("It gets its label and leaves with one of the next mails."),
    Status.SHIPPED: _l(
        "It comes in a plain package. Mail most often takes 2 to 7 days, and longer to islands, Alaska and the "
        "military."
    ),
    Status.DECLINED: _l("A no is only about this request. You can ask for something else, or another time."),
    Status.CANCELLED: _l("You can ask again at any time."),
}
WHEN = {  # whose week it is
    Status.PACKED: _l("We got your request in the week of %(monday)s."),
    Status.SHIPPED: _l("We mailed it in the week of %(monday)s."),
    Status.DECLINED: _l("We closed it in the week of %(monday)s."),
    Status.CANCELLED: _l("We stopped it in the week of %(monday)s."),
}
WHY_NOT = {  # said of the request, never of what anybody else asked for: a limit is no reason here
    "law": _l("We could not send this request. The rules there do not let us. See who else can help."),
    "address": _l("We could not be sure that the package would arrive. Please ask again with the full address."),
    "group": _l("This read like a request for a group. Groups can ask on the page “For programs and groups”."),
    KEY_LOST: _l(
        "We are sorry. We lost the key to your request, so we cannot read it, and nobody else can. Nothing will be "
        "sent. Please ask again, or call one of the helplines."
    ),
    GONE: _l(
        "Your old address was erased before we could use it for this one. That is how we keep it safe. Please ask once "
        "more and write your address again."
    ),
    TOO_OLD: _l(
        "We are sorry. We could not send this in time, so we have closed it. Please ask again, or call one of the "
        "helplines."
    ),
}
UNDER_WAY = {
    instructions.ERASE: _l("We are erasing your address now. Look again in a minute."),
    instructions.CANCEL: _l("We are stopping it now. Look again in a minute."),
    instructions.LOST: _l("Thank you for telling us. We look into it now. Look again in a minute."),
    instructions.CORRECT: _l("We are changing the address now. Look again in a minute."),
}
NEXT_AFTER = {  # what comes of what is under way
    instructions.ERASE: _l(
        "Your name, address, contact and messages go for good. Keep your code: from now on it only shows safety "
        "notices."
    ),
    instructions.CANCEL: NEXT[Status.CANCELLED],
    instructions.LOST: _l("Your code stays the same. If the first package comes after all, keep both."),
    instructions.CORRECT: _l("We check the new one as we did the first, before we pack."),
}
LEAVING = _l("Your package is ready to go. We erase your address as soon as it is in the mail.")
AGAIN = _l("We know that your package did not come. We are getting another one ready.")
