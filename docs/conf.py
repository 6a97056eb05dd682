"""Sphinx: the documentation as a site. ``make docs``; the pages are Markdown (MyST).

Nothing is fetched while it is built, and the site asks nothing of other servers.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import mathml
import on_a_phone
import site_pages
from sphinx.application import Sphinx

import ctmo_indi

project = "ctmo-indi"
author = "The ctmo-indi developers"
project_copyright = "The ctmo-indi developers, GPL-3.0-or-later"
version = release = ctmo_indi.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "examples/**/README.md"]
source_suffix = {".md": "markdown"}

html_theme = "furo"
html_title = "ctmo-indi"
html_favicon = "../ctmo_indi/web/static/favicon.svg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
highlight_language = "text"
smartquotes_action = "qe"  # quotes and dots; the two hyphens of an option stay two

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline", "dollarmath"]
html_math_renderer = "mathml"

napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_preprocess_types = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
add_module_names = False

nitpicky = True
# Names of docstrings that lead into modules which are for developers: no pages here.
nitpick_ignore_regex = [
    (r"py:.*", r"(~?ctmo_indi\.)?(desk_client|errors|api)\..*"),
    (r"py:exc", r"(BadOrder|ConfigError|DeskFault|ServiceUnreachable|StillWaiting)"),
    (r"py:class", r"(Number|Instant)"),
    (r"py:.*", r"(collections\.abc|datetime|typing|pathlib)\..*"),
]


def setup(app: Sphinx) -> None:
    """Draw the tables of the code, and turn links out of ``docs/`` into ones of the site."""
    mathml.register(app)
    on_a_phone.register(app)
    app.connect("source-read", site_pages.on_source_read)
    app.connect("env-get-outdated", site_pages.on_env_get_outdated)
