"""The word that somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word most like ``word``, whatever its case; empty when none is like it."""
    from difflib import get_close_matches

    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else ""


def one_of(word: str, known: Iterable[str]) -> str:
    """Return what to say of a word that is none of these: which one is near, and all there are."""
    words = list(known)
    meant = nearest(word, words)
    hint = f"did you mean {meant!r}? " if meant else ""
    return f"{word!r} is unknown: {hint}expected one of {', '.join(words)}"
