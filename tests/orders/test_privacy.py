"""The privacy page promises what the code does: its figures, what stays, and what depends on us."""

import pytest
from flask.testing import FlaskClient

from orders import retention


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            "/privacy",
            "the day it was packed and sent|a photo of the label and our list|A postage company may get|"
            "within {open} days|{stop} days later|at most {weeks} more weeks|If our systems run|without our key",
        ),
        (
            "/es/privacy",
            "el día en que se empacó y se envió|una foto de la etiqueta y nuestra lista|Una empresa de franqueo|"
            "en {open} días|{stop} días después|a más tardar {weeks} semanas|Si nuestros sistemas|sin nuestra llave",
        ),
    ],
)
def test_the_privacy_page_says_what_stays_and_what_depends_on_us(client: FlaskClient, path: str, told: str) -> None:
    days = {"open": retention.OPEN_MOST.days, "stop": retention.KEEP_AFTER_STOPPING.days}
    page = client.get(path).text
    for part in told.format(**days, weeks=retention.WEEKS_IN_BACKUPS).split("|"):
        assert part in page, part
