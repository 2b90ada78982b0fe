"""Loaded by schemathesis, which runs in a place of its own without Distro: each request from another network."""

from itertools import count

import schemathesis

numbers = count(1 << 20)


@schemathesis.hook
def before_call(context, case, kwargs):
    number = next(numbers)
    network = f"{70 + (number >> 16 & 63)}.{number >> 8 & 255}.{number & 255}.1"
    case.headers = {**(case.headers or {}), "X-Forwarded-For": network}
