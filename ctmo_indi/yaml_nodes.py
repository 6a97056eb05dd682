"""From a text to YAML's tree of nodes, with the line of each: for ``checked_yaml.py`` only.

libyaml parses four times as fast as PyYAML, but where it refuses a text it says so in other words,
and its own composer follows nested brackets until the machine's stack is full: the process dies.
Thus its events go through PyYAML's composer, which Python bounds; and a text that it refuses, or
in which it is known to allow more, is given to PyYAML alone, whose verdict and words hold.
"""

from __future__ import annotations

import re

import yaml
from yaml.composer import Composer
from yaml.resolver import Resolver

_SEEN_DIFFERENTLY = re.compile(r"[\t\ufeff?]|(?<!\w)!|[|>]\S*#")
"""libyaml takes some that PyYAML refuses: tabs, marks, tags, words with "?", comments at once."""


def compose_slowly(text: str) -> yaml.Node | None:
    """Return the tree of a text by PyYAML alone; raises as :func:`compose`."""
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    return node


def compose(text: str) -> yaml.Node | None:
    """Return the tree of a text; None when it holds nothing.

    Raises
    ------
    yaml.YAMLError
        It is not YAML.
    RecursionError
        It is nested too deeply.
    """
    if _SEEN_DIFFERENTLY.search(text):
        return compose_slowly(text)
    try:
        return _compose_fast(text)
    except yaml.YAMLError:
        return compose_slowly(text)


if yaml.__with_libyaml__:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs import it only

    class _FastLoader(Composer, CParser, Resolver):
        """libyaml's events, PyYAML's nodes; the order of the bases matters."""

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            Resolver.__init__(self)

    def _compose_fast(text: str) -> yaml.Node | None:
        node: yaml.Node | None = _FastLoader(text).get_single_node()
        return node

else:
    _compose_fast = compose_slowly
