"""An end to waiting for others: a server that says one letter a second never runs into the timeout of a socket."""

import threading
from collections.abc import Callable

MOST_LATE = 4  # calls that others may keep from ending; beyond that nobody is called
_late: list[threading.Thread] = []


def within(seconds: float, call: Callable[[], None]) -> None:
    """Do `call`, raising what it raises, or TimeoutError once it took too long; it may still end later, by itself.

    It is done in a thread of its own: hand it no session.
    """
    _late[:] = [one for one in _late if one.is_alive()]
    if len(_late) >= MOST_LATE:
        raise TimeoutError
    problems: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as problem:  # whatever it is belongs to whoever waits
            problems.append(problem)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        _late.append(thread)
        raise TimeoutError
    if problems:
        raise problems[0]
