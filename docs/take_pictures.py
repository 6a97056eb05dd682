"""Take the pictures of the page: ``python docs/take_pictures.py [--url http://localhost:8000]``.

An observatory has to run there, by night and with orders: ``ctmo-indi up --speed 60``. Needs
Playwright and a Chromium (``apt-get install chromium``). The pictures are WebP, 150 kB at most, in
``docs/pictures/``.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).resolve().parent / "pictures"
MOST_BYTES = 150_000
_READY_MS = 15_000
_DRAWN_MS = 2_500  # for charts and frames that come after the tab


class Shot(NamedTuple):
    """One picture: a tab of the page, at a width, in a theme."""

    name: str
    tab: str
    width: int
    height: int
    theme: str = "light"
    scale: float = 1.0


SHOTS = (
    Shot("now", "Now", 1280, 860),
    Shot("tonight", "Tonight", 1280, 860),
    Shot("sky", "Sky", 1280, 860, "night"),
    Shot("orders", "Orders", 1280, 700),
    Shot("frames", "Frames", 1280, 860),
    Shot("phone", "Now", 390, 844, "dark", 1.5),
)


def take(page: Page, shot: Shot, url: str) -> bytes:
    """Show a tab and return its picture, WebP."""
    page.goto(url)
    page.evaluate("theme => document.documentElement.dataset.theme = theme", shot.theme)
    page.get_by_role("tab", name=shot.tab, exact=True).click(timeout=_READY_MS)
    page.wait_for_timeout(_DRAWN_MS)
    page.evaluate("theme => document.documentElement.dataset.theme = theme", shot.theme)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for quality in (85, 75, 60, 45):
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=quality, method=6)
        if file.tell() <= MOST_BYTES:
            return file.getvalue()
    raise ValueError(f"{shot.name}: {file.tell()} bytes, expected {MOST_BYTES} at most")


def main() -> int:
    """Take every picture, or those that were named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://localhost:8000", help="where the page is")
    parser.add_argument("names", nargs="*", help="only these: " + ", ".join(s.name for s in SHOTS))
    asked = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for shot in SHOTS:
            if asked.names and shot.name not in asked.names:
                continue
            context = browser.new_context(
                viewport={"width": shot.width, "height": shot.height},
                device_scale_factor=shot.scale,
            )
            file = FOLDER / f"{shot.name}.webp"
            file.write_bytes(take(context.new_page(), shot, asked.url))
            context.close()
            print(f"{file.name}: {file.stat().st_size} bytes")  # noqa: T201
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
