"""What `make measure` prints: the goals P1 to P22 of the participant's side, each as a row with target and figure.

A subject is a module of this package; its functions marked `@measure` take the World and give rows.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from distro.config import Settings
from tests.bench import Row

PHONE: ViewportSize = {"width": 320, "height": 640}
PREFIXES = {"en": "", "es": "/es"}  # language -> prefix of its pages


@dataclass
class World:
    """A depot served by gunicorn, and a browser in front of it."""

    settings: Settings
    app: Flask  # the same instance in this process: what the scheduler does is done here
    url: str
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)

    def page(self, *, viewport: ViewportSize = PHONE, script: bool = True, scale: float = 1) -> Page:
        """A visitor of their own, with no cookie and an empty cache."""
        context = self.browser.new_context(
            base_url=self.url, viewport=viewport, java_script_enabled=script, device_scale_factor=scale
        )
        context.set_default_timeout(20_000)
        self.contexts.append(context)
        return context.new_page()


Measure = Callable[[World], Iterable[Row]]
measures: list[Measure] = []


def measure(function: Measure) -> Measure:
    """Put a function among the measures."""
    measures.append(function)
    return function
