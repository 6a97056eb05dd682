"""Find the declarative files: ``devices/``, ``xmlrpc/``, ``profiles/``.

They are looked for in this order: the site's own folder (``/etc/ctmo/<kind>`` or a given one), what
an installed wheel carries (``ctmo_indi/share/<kind>``), the checkout this package lies in.
Wheels carry them as data of ``ctmo_indi.share``, mapped by ``setup.cfg``; see
``docs/decisions/0001-data-folders.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ctmo_indi.errors import ConfigError

Kind = Literal["devices", "xmlrpc", "profiles"]

SITE_FOLDER = Path("/etc/ctmo")
_PACKAGE = Path(__file__).resolve().parent


def folder(kind: Kind) -> Path:
    """Return the folder of the shipped files of ``kind``.

    Raises
    ------
    ConfigError
        Neither the installed package nor a checkout has it: the installation is broken.
    """
    candidates = (_PACKAGE / "share" / kind, _PACKAGE.parent / kind)
    for candidate in candidates:
        if (candidate / "README.md").is_file():
            return candidate
    looked = " and ".join(str(candidate) for candidate in candidates)
    raise ConfigError(f"{kind}: the files of this folder are missing, looked in {looked}")


def find(kind: Kind, name: str, *, suffix: str = ".yaml", site: Path | None = None) -> Path:
    """Return the file called ``name`` of ``kind``; a site's own file wins over the shipped one.

    Parameters
    ----------
    name
        A bare name ("simulators"), or a path (it has a separator or the suffix), taken as it is.
    site
        The site's folder instead of ``/etc/ctmo``.

    Raises
    ------
    ConfigError
        Nothing of that name; the message lists the names there are and the folders searched.
    """
    if "/" in name or name.endswith(suffix):
        path = Path(name)
        if path.is_file():
            return path
        raise ConfigError(f"{path}: no such file, expected a {kind} file")
    places = ((SITE_FOLDER if site is None else site) / kind, folder(kind))
    for place in places:
        path = place / f"{name}{suffix}"
        if path.is_file():
            return path
    known = names(kind, suffix=suffix, site=site)
    raise ConfigError(
        f"{kind}: no file {name}{suffix}; there are {', '.join(known) or 'none'}; "
        f"looked in {places[0]} and {places[1]}"
    )


def names(kind: Kind, *, suffix: str = ".yaml", site: Path | None = None) -> tuple[str, ...]:
    """Return the bare names that :func:`find` knows, sorted.

    A file with another word before the suffix (``dry.scheduler.yaml``) is of another kind; a folder
    and a link that leads nowhere are none.
    """
    places = ((SITE_FOLDER if site is None else site) / kind, folder(kind))
    files = (path for place in places if place.is_dir() for path in place.glob(f"*{suffix}"))
    found = {path.name.removesuffix(suffix) for path in files if _is_file(path)}
    return tuple(sorted(name for name in found if "." not in name))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may be listed but not entered
        return False
