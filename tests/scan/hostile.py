"""Strings of our own that break programs, by what they break. Each is made here; no list of others is copied.

`make scan` adds the 485 of npm's blns to them.
"""

from collections.abc import Iterator

MARK = "zq7k"  # stands in what would show itself as markup, a header or a formula of its own

CATEGORIES: dict[str, tuple[str, ...]] = {
    "nothing": ("", " ", "\t\t", "\u00a0\u2003", "\u200b\u200b", "null", "None", "undefined", "NaN", "-"),
    "control": ("a\x01b", "bell\x07", "\x7fdelete", "back\x08space", "\x1b", "a\x85b", "a\u2028b\u2029c", "\x0b\x0c"),
    "nul": ("a\x00b", "\x00", "Robin\x00<b>zq7k</b>"),
    "lines": ("a\nb", "a\r\nb", "\n", "\r", "a\n\n\n\nb"),
    "header": ("a\r\nX-Zq7k: 1", "a\nSet-Cookie: zq7k=1", "/\r\nLocation: https://zq7k.example", "%0d%0aX-Zq7k:%201"),
    "unicode": (
        "éñü",
        "\u0415\u043b\u0435\u043d\u0430",
        "\u4e2d\u6587",
        "e\u0301",
        "\ufb01\ufb02",
        "\ufeffbom",
        "\ufffd",
        "\uffff",
    ),
    "homoglyph": ("\u0430dmin", "\u0440acker", "p\u0251cker", "\uff21\uff22", "K\u212a", "\u0131I\u0130i"),
    "direction": (
        "\u202eevil\u202c",
        "\u2066a\u2069",
        "\u200f\u05d0\u05d1",
        "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
        "a\u202etxt.exe",
    ),
    "zalgo": (
        "Z\u0351\u036b\u0343\u036a\u0302a\u0334\u0335\u0336l\u0337\u0338g\u0321\u0322\u0327o\u0328",
        "o" + "\u0300" * 300,
    ),
    "four bytes": (
        "\U0001f600",
        "\U0001d54f\U0001d550",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U000e0041",
        "\U0010ffff",
    ),
    "long": ("a" * 10_000, "\u00e9" * 5_000, "a " * 5_000, "9" * 5_000, "<" * 3_000, "(" * 5_000),
    "script": (
        "<script>zq7k()</script>",
        "<img src=zq7k onerror=alert(1)>",
        '"><svg onload=zq7k()>',
        "' onfocus=zq7k() autofocus x='",
        "</textarea><script src=//zq7k.example></script>",
        "</title><iframe srcdoc=zq7k>",
        "javascript:zq7k()",
        "<a href=javascript:zq7k()>zq7k</a>",
        "<zq7k-tag zq7k=1>",
        "--><b zq7k>",
        "<ScRiPt >zq7k</sCrIpT>",
        "<style>@import 'zq7k'</style>",
        "&lt;script&gt;zq7k&lt;/script&gt;",
        '"><form action=https://zq7k.example><button zq7k>',
    ),
    "template": ("{{ 7 * 7 }}", "{% raw %}", "{{ config }}", "${7*7}", "#{7*7}", "<%= 7 %>", "{{''.__class__}}"),
    "sql": ("'", "''", "' OR '1'='1", "1; DROP TABLE orders--", '" OR 1=1 --', "1' UNION SELECT 1,2--", "%", "_", "\\"),
    "format": ("%s%s%s%n", "%(secret)s", "{0}", "{secret}", "%d", "{!r}", "%"),
    "path": (
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "/dev/zero",
        "file:///etc/passwd",
        "C:\\con",
        "....//",
        "%2e%2e%2f",
    ),
    "formula": ("=1+1", "+1", "-1+zq7k", "@SUM(1)", "\t=1+1", "\r=1", '=HYPERLINK("https://zq7k.example")', "|zq7k!A1"),
    "printer": ("^XA^FDzq7k^FS^XZ", "~JA", "^XA~DG", "\x1b%-12345X@PJL", "%!PS zq7k"),
    "terminal": ("\x1b[2J", "\x1b]0;zq7k\x07", "\x9b31m", "\x1b[31mzq7k\x1b[0m"),
    "yaml": (
        "!!python/object/apply:os.system [zq7k]",
        "&a [*a]",
        "a: b: c",
        "- - -",
        "yes",
        "{a: 1",
        "'",
        "|\n zq7k",
        "# zq7k",
    ),
    "number": (
        "0",
        "-1",
        "1e309",
        "99999999999999999999",
        "1_000",
        "٣",
        "²",
        "0x1F",
        "1,5",
        "Infinity",
        "1.0000000000000001",
    ),
    "day": ("2026-02-30", "0000-00-00", "9999-12-31", "10000-01-01", "2026-11-22T00:00:00Z", "-1-01-01"),
    "pdf": ("/JavaScript (zq7k)", "(zq7k) Tj", ") /OpenAction << /S /JavaScript", "endstream endobj"),
}


def everything() -> list[str]:
    """All of them."""
    return [text for texts in CATEGORIES.values() for text in texts]


def one_of_each(turn: int) -> Iterator[tuple[str, str]]:
    """A category and one string of it; another one at the next turn."""
    for category, texts in CATEGORIES.items():
        yield category, texts[turn % len(texts)]
