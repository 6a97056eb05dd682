"""The documentation as a site: it is built without a warning, and nothing is missing in it."""

from __future__ import annotations

import html
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

ROOT = Path(__file__).resolve().parents[1]
PHONE: ViewportSize = {"width": 390, "height": 844}
NEEDED = ("sphinx", "furo", "myst_parser", "latex2mathml")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; 11 s of one core, once."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (the extra docs)")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-n", "-W", "--keep-going",
         "-d", str(folder / "trees"), str(ROOT / "docs"), str(folder / "html")],
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == 0
    return folder / "html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; of a module, since no asynchronous test can run while Playwright is open."""
    sync_api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed (Debian package chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A page as wide as a phone."""
    context = browser.new_context(viewport=PHONE)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def diagrams() -> ModuleType:
    """``docs/diagrams.py``, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("diagrams", ROOT / "docs" / "diagrams.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words_of(page: Path) -> str:
    """A page's text without markup, blanks joined."""
    text = re.sub(r"<[^>]+>", "", page.read_text("utf-8"))
    return re.sub(r"\s+", " ", html.unescape(text))


def test_pictures_are_small_shown_and_taken_by_the_script() -> None:
    """Each is of a tab that the page has; ``docs/take_pictures.py`` makes them anew."""
    docs = ROOT / "docs"
    pictures = {path.name: path.stat().st_size for path in (docs / "pictures").iterdir()}
    text = "".join(path.read_text("utf-8") for path in docs.rglob("*.md"))
    shots = re.findall(r'Shot\("(\w+)", "(\w+)"', (docs / "take_pictures.py").read_text("utf-8"))
    tabs = (ROOT / "ctmo_indi" / "web" / "static" / "tabs.js").read_text("utf-8")
    assert max(pictures.values()) <= 150_000
    assert [name for name in pictures if f"pictures/{name}" not in text] == []
    assert {f"{name}.webp" for name, _ in shots} == set(pictures)
    assert [tab for _, tab in shots if f'title: "{tab}"' not in tabs] == []


def test_every_page_is_there(site: Path) -> None:
    sources = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    missing = [str(path) for path in sources if not (site / path.with_suffix(".html")).exists()]
    assert missing == []
    assert len(sources) > 40


def test_options_keep_their_two_hyphens(site: Path) -> None:
    assert "ctmo-indi report --html" in words_of(site / "reference" / "replies.html")


def test_pages_named_as_files_are_links(site: Path) -> None:
    named = {
        (page.name, file)
        for page in site.rglob("*.html")
        for file in re.findall(r"docs/[\w/-]+\.md", words_of(page))
        if (ROOT / file).exists()
    }
    assert named == set()


def test_nothing_is_asked_of_other_servers(site: Path) -> None:
    resource = re.compile(r"""(?:src|<link[^>]+href)=["'](?:https?:)?//[^"']+""")
    asked = {match for page in site.rglob("*.html") for match in resource.findall(page.read_text())}
    assert asked == set()


def test_links_within_the_site_lead_somewhere(site: Path) -> None:
    """Sphinx checks pages; here every address with its anchor, as a browser follows it."""
    anchors = {
        page: set(re.findall(r'\bid="([^"]+)"', page.read_text("utf-8")))
        for page in site.rglob("*.html")
    }
    broken = []
    for page in anchors:
        for link in re.findall(r'<a[^>]+href="([^"]+)"', page.read_text("utf-8")):
            if "://" in link or link.startswith("mailto:"):
                continue
            file, _, anchor = html.unescape(link).partition("#")
            target = (page.parent / file).resolve() if file else page
            if not target.exists() or (anchor and anchor not in anchors.get(target, {anchor})):
                broken.append((str(page.relative_to(site)), link))
    assert broken == []


def _commands(name: str, group: object) -> Iterator[str]:
    for child, command in group.commands.items() if isinstance(group, TyperGroup) else ():
        yield f"{name} {child}"
        yield from _commands(f"{name} {child}", command)


def test_the_reference_has_every_order_command_key_code_and_card(site: Path) -> None:
    from ctmo_indi.cli import app
    from ctmo_indi.config import SCHEMA
    from ctmo_indi.models.headers import CARDS

    contract = yaml.safe_load((ROOT / "xmlrpc" / "front_desk.yaml").read_text())
    schemas = [
        json.loads(path.read_text())
        for path in (ROOT / "xmlrpc" / "work_orders").glob("*.json")
        if not path.name.startswith("common")
    ]
    expected = {
        "orders": [key for schema in schemas for key in schema["properties"]],
        "replies": [f"Reply to {kind}" for kind in contract["replies"] if kind != "every"],
        "faults": [str(code) for code in (*contract["faults"], *contract["call_faults"])],
        "configuration": list(SCHEMA["properties"]),
        "command-line": list(_commands("ctmo-indi", get_command(app))),
        "fits-keywords": [card.keyword for card in CARDS],
        "python": ["FrontDesk", "Observatory", "observe", "explain", "slew", "exposure_s"],
    }
    for page, names in expected.items():
        text = words_of(site / "reference" / f"{page}.html")
        assert [name for name in names if name not in text] == [], page


def test_pages_from_elsewhere_are_whole(site: Path) -> None:
    """The start of each README that the site takes over, with its links turned into ones here."""
    for page, file in (("wire", "xmlrpc"), ("profiles", "profiles"), ("device-files", "devices")):
        first = (ROOT / file / "README.md").read_text("utf-8").splitlines()[0].lstrip("# ")
        assert first.replace("`", "") in words_of(site / "reference" / f"{page}.html")


def test_a_diagram_of_states_becomes_a_table(diagrams: ModuleType) -> None:
    text = "```mermaid\nstateDiagram-v2\n    [*] --> A\n    A --> B: go\n    A --> C\n```"
    assert diagrams.as_tables(f"before\n\n{text}\n\nafter") == (
        "before\n\n| from | to |\n| --- | --- |\n| (at first) | A |\n| A | B (go), C |\n\n\nafter"
    )


def test_a_flow_chart_becomes_a_table_of_its_steps(diagrams: ModuleType) -> None:
    text = (
        '```mermaid\nflowchart TD\n    one["do it<br><i>BUSY</i>"]\n    one -->|why| two\n'
        '    one --> one\n    two["rest<br><i>IDLE</i>"]\n```'
    )
    assert diagrams.as_tables(text).splitlines()[2:] == [
        "| **one** | do it (*BUSY*) | why: **two**; **one** |",
        "| **two** | rest (*IDLE*) |  |",
    ]


@pytest.mark.parametrize(
    "lines", ["pie", "stateDiagram-v2\n    A -.-> B", "flowchart TD\n    a[b]"]
)
def test_a_diagram_of_another_form_is_told(diagrams: ModuleType, lines: str) -> None:
    with pytest.raises(ValueError, match="diagram"):
        diagrams.as_tables(f"```mermaid\n{lines}\n```")


def test_the_layers_are_those_of_the_contract(site: Path) -> None:
    """Each package with what its docstring says it is for."""
    text = words_of(site / "explanation" / "architecture.html")
    assert "safety Safety: the only judge, and the first closer." in text
    packages = {path.parent.name for path in (ROOT / "ctmo_indi").glob("*/__init__.py")}
    assert {name for name in packages if f" {name} " not in text} == {"testing", "share"}


def test_every_page_fits_a_phone(site: Path, phone: Page) -> None:
    """No page is wider than the screen, no table or formula than the page; code may be scrolled."""
    measure = """() => [document.documentElement.scrollWidth, ...Array.from(
        document.querySelectorAll("article .table-wrapper, article .formula"),
        box => box.scrollWidth - box.clientWidth)]"""
    asked: set[str] = set()
    phone.on("request", lambda request: asked.add(request.url.partition(":")[0]))
    wide = []
    for page in sorted(site.rglob("*.html")):
        if page.name == "genindex.html":
            continue
        phone.goto(page.as_uri())
        width_px, *beyond_px = phone.evaluate(measure)
        if width_px > PHONE["width"] or max(beyond_px, default=0) > 1:
            wide.append((str(page.relative_to(site)), width_px, beyond_px))
    assert wide == []
    assert asked <= {"file", "data"}


def test_a_table_is_cards_on_a_phone_and_a_table_at_a_desk(site: Path, browser: Browser) -> None:
    page = browser.new_page(viewport=PHONE)
    page.goto((site / "reference" / "orders.html").as_uri())
    cell = page.locator("td", has_text="Unit of RA when RA is a number.").first
    head = "cell => [getComputedStyle(cell).display, getComputedStyle(cell, '::before').content]"
    assert cell.evaluate(head) == ["grid", '"means"']
    page.set_viewport_size({"width": 1366, "height": 768})
    assert cell.evaluate(head) == ["table-cell", "none"]
    page.close()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("latch", "reference/glossary.html"),
        ("MOONANGL", "reference/fits-keywords.html"),
        ("validateBlock", "reference/orders.html"),
    ],
)
def test_the_search_finds(site: Path, phone: Page, words: str, found: str) -> None:
    phone.goto(f"{(site / 'search.html').as_uri()}?q={words}")
    phone.locator("#search-results li a").first.wait_for()
    phone.locator("#search-results .search-summary", has_text="found").wait_for()
    hrefs = phone.locator("#search-results li a").evaluate_all("all => all.map(a => a.href)")
    assert [href for href in hrefs if found in href], hrefs
