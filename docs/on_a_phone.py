"""Tables and pictures that can be read on a phone, with HTML and CSS only: no script.

* Each cell knows the head of its column, and ``static/site.css`` shows a table of three columns or
  more as a card for each row. One of two columns stays a table, unless a word of its first is so
  long that nothing fits beside it.
* A picture is a link to itself: a finger on it shows it whole.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.writers.html5 import HTML5Translator

if TYPE_CHECKING:
    from sphinx.application import Sphinx

#: A table of fewer columns fits a phone as it is, unless its first one has a longer word.
FEWEST_COLUMNS = 3
LONGEST_WORD = 22


def register(app: Sphinx) -> None:
    """Write the tables and pictures of the site so."""
    app.add_node(nodes.table, override=True, html=(_visit_table, HTML5Translator.depart_table))
    app.add_node(nodes.image, override=True, html=(_visit_image, HTML5Translator.depart_image))
    app.add_node(nodes.entry, override=True, html=(_visit_cell, HTML5Translator.depart_entry))


def _visit_table(page: HTML5Translator, table: nodes.table) -> None:
    if len(_heads(table)) >= FEWEST_COLUMNS or _longest_word(table) > LONGEST_WORD:
        table["classes"].append("of-cards")
    HTML5Translator.visit_table(page, table)


def _visit_cell(page: HTML5Translator, cell: nodes.entry) -> None:
    table = cell.parent.parent.parent.parent
    heads, column = _heads(table), cell.parent.index(cell)
    is_of_body = isinstance(cell.parent.parent, nodes.tbody)
    if is_of_body and not cell.astext().strip():
        cell["classes"].append("blank")
    start = len(page.body)
    HTML5Translator.visit_entry(page, cell)
    if is_of_body and column < len(heads):
        name = f'<td data-head="{escape(heads[column])}"'
        page.body[start] = page.body[start].replace("<td", name, 1)


def _visit_image(page: HTML5Translator, image: nodes.image) -> None:
    start = len(page.body)
    HTML5Translator.visit_image(page, image)
    source = re.search(r'src="([^"]+)"', page.body[start])
    if source and not isinstance(image.parent, nodes.reference):
        page.body.insert(start, f'<a class="picture" href="{source[1]}">')
        page.body.append("</a>")


def _longest_word(table: nodes.table) -> int:
    words = (word for row in table.findall(nodes.row) for word in row[0].astext().split())
    return max(map(len, words), default=0)


def _heads(table: nodes.table) -> list[str]:
    head = next(iter(table.findall(nodes.thead)), None)
    return [cell.astext() for cell in head[0].findall(nodes.entry)] if head else []
