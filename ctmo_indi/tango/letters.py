"""Letters of texts on Tango's wire, which has Latin-1 strings and no word of an encoding.

pytango writes attributes as Latin-1 and fails over another letter, which would silence the events
of a device; Status and a DevFailed's text it writes as UTF-8, which events then read as Latin-1.
"""

from __future__ import annotations

import unicodedata


def latin(text: str) -> str:
    r"""Return ``text`` for an attribute: letters beyond Latin-1 are written ``\u03a9``."""
    return text.encode("latin-1", "backslashreplace").decode("latin-1")


def plain(text: str) -> str:
    r"""Return ``text`` for Status or a refusal, in ASCII: without accents, the rest as above."""
    apart = unicodedata.normalize("NFKD", text)
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return bare.encode("ascii", "backslashreplace").decode("ascii")
