"""A browser of plain text, w3m: it fetches and draws each page, from the first to the code (P21)."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from tests.bench import Row
from tests.measure import World, measure
from tests.orders.forms import fields

STEPS = (  # the page, what a person adds to it, and a word that has to be read there
    ("/answer", {"item": "naloxone-nasal", "zip": "43215"}, "Yes"),
    ("/where", {}, "Name for the package"),
    ("/contact", {"name": "Robin Example", "line1": "1 Sample St", "city": "Sampleton", "state": "OH"}, "contact"),
    ("/check", {"contact": "none"}, "Robin Example"),
    ("/done", {}, "Your code"),
)


@measure
def in_a_text_browser(world: World) -> Iterator[Row]:
    read, form = 0, fields(_w3m("-dump_source", f"{world.url}/"))
    read += "Free supplies" in _w3m("-dump", f"{world.url}/")
    with TemporaryDirectory() as folder:
        sent = Path(folder) / "form"
        for path, typed, word in STEPS:
            for name, text in typed.items():
                form[name] = text
            sent.write_text(urlencode(list(form.items(multi=True))))
            read += word in _w3m("-dump", "-post", str(sent), f"{world.url}{path}")
            form = fields(_w3m("-dump_source", "-post", str(sent), f"{world.url}{path}"))
    screens = len(STEPS) + 1
    what = "screens that w3m draws whole, from the first to the code"
    yield Row("P21", what, str(screens), str(read), read == screens)


def _w3m(*arguments: str) -> str:
    options = ("-cols", "80", "-O", "UTF-8", "-o", "accept_encoding=identity")
    return subprocess.run(["w3m", *options, *arguments], capture_output=True, text=True, check=True).stdout
