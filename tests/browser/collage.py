"""Pictures of pages in rows, a caption under each, as one picture of few colors: what tests.browser.sheet takes."""

import re
from collections.abc import Collection, Mapping
from itertools import product
from pathlib import Path

import reportlab
from PIL import Image, ImageColor, ImageDraw, ImageFont

STYLE = Path(__file__).parents[2] / "distro" / "static" / "public.css"
WIDE, GAP, ABREAST, FADE = 260, 24, 8, 90  # pixels, and how many pages
PAPER, INK, SOFT = "#d8dedb", "#1c2624", "#4d5a56"
SHADES = 4  # between each letter's color and what it stands on: they keep it smooth, and the file small


def sheet(folder: Path, captions: Mapping[str, str], cut: Collection[str]) -> Image.Image:
    """The pictures `<name>.png` of a folder in the order of `captions`; a name that ends in ":" heads a part.

    Those in `cut` fade out at their end, since the page goes on there.
    """
    fonts = Path(reportlab.__file__).parent / "fonts"
    big, small = (ImageFont.truetype(fonts / name, size) for name, size in (("VeraBd.ttf", 34), ("VeraBd.ttf", 14)))
    rows: list[tuple[str, list[tuple[str, Image.Image]]]] = []
    number = 0
    for name, caption in captions.items():
        if name.endswith(":"):
            rows.append((caption, []))
            continue
        if len(rows[-1][1]) == ABREAST:
            rows.append(("", []))
        number += 1
        rows[-1][1].append((f"{number}. {caption}", _page(folder / f"{name}.png", name in cut)))
    tall = sum((90 if title else 0) + 44 + GAP + max(page.height for _, page in row) for title, row in rows)
    sheet = Image.new("RGB", (ABREAST * (WIDE + GAP) + GAP, tall + GAP), PAPER)
    draw, top = ImageDraw.Draw(sheet), 0
    for title, row in rows:
        if title:
            draw.text((GAP, top + 32), title, INK, big)
            top += 90
        for column, (caption, page) in enumerate(row):
            left = GAP + column * (WIDE + GAP)
            sheet.paste(page, (left, top))
            draw.text((left, top + page.height + 10), caption, SOFT, small)
        top += 44 + GAP + max(page.height for _, page in row)
    return sheet.quantize(palette=_palette(), dither=Image.Dither.NONE)


def _palette() -> Image.Image:
    """The colors of the style sheet's light half, and those between them. Others would go where they are rare."""
    said = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{3,6})", STYLE.read_text().split("@media")[0]))
    grounds = [ImageColor.getrgb(said[name]) for name in ("page", "card", "warm", "tint", "bad-tint")]
    letters = [ImageColor.getrgb(said[name]) for name in ("ink", "soft", "go", "bad", "line", "hair")]
    pairs = [*product(grounds, letters), *product([ImageColor.getrgb(PAPER)], [grounds[0], *letters[:2]])]
    pairs.append((ImageColor.getrgb(said["go"]), ImageColor.getrgb(said["on-go"])))
    shades = {
        tuple(round(one + (other - one) * step / SHADES) for one, other in zip(first, second, strict=True))
        for first, second in pairs
        for step in range(SHADES + 1)
    }
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for shade in sorted(shades) for part in shade])
    return palette


def _page(path: Path, cut: bool) -> Image.Image:
    """One page at the sheet's width."""
    with Image.open(path) as taken:
        page = taken.convert("RGB")
    page = page.resize((WIDE, round(page.height * WIDE / page.width)), Image.Resampling.LANCZOS)
    if cut:
        fade = Image.linear_gradient("L").resize((WIDE, FADE))
        page.paste(Image.new("RGB", (WIDE, FADE), PAPER), (0, page.height - FADE), fade)
    return page
