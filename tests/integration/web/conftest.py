"""The page in a real browser: Chromium without a window, and a watch over what it must not do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable")
PATIENCE_MS = 10_000


@dataclass
class Watched:
    """A page under watch.

    Parameters
    ----------
    troubles
        What the browser complained of: errors on the console, exceptions, requests that left this
        server, breaches of the content security policy. Must be empty at the end.
    expected
        Words of complaints that the test itself brings about.
    """

    page: Page
    url: str
    troubles: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def show(self, tab: str = "now") -> Page:
        """Go to a tab and wait until it is drawn and the stream has said hello."""
        self.page.goto(f"{self.url}/#{tab}")
        name = tab.split("/", maxsplit=1)[0]
        self.page.locator(f"#tab-{name}[aria-selected=true]").wait_for()
        self.page.locator("#shown > *:not(.loading)").first.wait_for()
        self.page.locator(".who-text:not(:text-is('…'))").wait_for(state="attached")  # hello came
        return self.page

    def unexpected(self) -> list[str]:
        """Troubles that no test asked for."""
        return [text for text in self.troubles if not any(word in text for word in self.expected)]


OpenPage = Callable[..., Watched]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium of the system; without it the test is skipped, in CI it fails.

    Of a module, not of the session: while Playwright is open its event loop counts as the running
    one of this thread, and no asynchronous test of another module could run.
    """
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium: make system-packages installs it")
        pytest.skip("Chromium is not installed (Debian package chromium)")
    with sync_playwright() as playwright:
        # --no-sandbox: tests also run as root, and load nothing but this server's own page.
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Return ``open(url, width=1280, height=900, theme="light")`` -> a watched page.

    At the end of the test no page may have a trouble that the test did not name.
    """
    with watching(browser) as opened:
        yield opened


@contextmanager
def watching(browser: Browser) -> Iterator[OpenPage]:
    """Open pages inside; none may have complained when it ends."""
    all_opened: list[Watched] = []
    contexts = []

    def opened(url: str, *, width: int = 1280, height: int = 900, theme: str = "light") -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            ignore_https_errors=True,  # certificates of tests are signed by themselves
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(f"localStorage.setItem('ctmo-indi theme', '{theme}')")
        contexts.append(context)
        watched = Watched(context.new_page(), url)
        _watch(watched)
        all_opened.append(watched)
        return watched

    try:
        yield opened
        assert [text for one in all_opened for text in one.unexpected()] == []
    finally:
        for context in contexts:
            context.close()


def _watch(watched: Watched) -> None:
    """Write down what must not happen."""
    here = urlsplit(watched.url).netloc
    page, troubles = watched.page, watched.troubles

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):  # a breach of the policy is an error
            troubles.append(f"console {message.type}: {message.text}")

    def on_request(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != here:
            troubles.append(f"outside request: {request.url}")

    page.on("console", on_console)
    page.on("request", on_request)
    page.on("pageerror", lambda error: troubles.append(f"exception: {error}"))
    page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
