"""The files of the page, from the package: in memory, compressed once, asked for by name.

Only files that are there under a plain name and have a type of the table are served; there is no
way to a folder, to a hidden file or out of the package. Each has a tag of its content: a browser
that has it already gets a line instead.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from aiohttp import hdrs, web

from ctmo_indi.front_desk.heads import Refusal
from ctmo_indi.own_thread import in_own_thread
from ctmo_indi.web.answers import accepts_gzip, packed

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static/"
INDEX = "index.html"

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json; charset=utf-8",
    ".woff2": "font/woff2",
}
_PACKED_ALREADY = frozenset({".png", ".woff2"})
_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_-]*/){0,2}[A-Za-z0-9][A-Za-z0-9_.-]*")
_LEVEL = 9


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent.

    Parameters
    ----------
    stamp
        Of the file it was read from: date and size.
    gzipped
        None where that is not shorter.
    """

    stamp: tuple[int, int]
    tag: str
    content_type: str
    body: bytes
    gzipped: bytes | None


class StaticFiles:
    """Serves the files of one folder; on the front desk's loop, reading in threads."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._files: dict[str, StaticFile] = {}

    async def index(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer with the page."""
        return await self._answer(request, INDEX)

    async def file(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer with the file that the path names; :class:`Refusal` when there is none."""
        return await self._answer(request, request.path.removeprefix(PREFIX))

    async def _answer(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        found = await in_own_thread(lambda: self.read(name), "static-file")
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "no such file")
        headers = {
            hdrs.ETAG: found.tag,
            hdrs.CACHE_CONTROL: "no-cache",  # ask each time: a new version shows at once
            hdrs.VARY: hdrs.ACCEPT_ENCODING,
        }
        known = [tag.strip() for tag in request.headers.get(hdrs.IF_NONE_MATCH, "").split(",")]
        if found.tag in known or f"W/{found.tag}" in known:
            return web.Response(status=304, headers=headers)
        body = found.body
        if found.gzipped is not None and accepts_gzip(request):
            body = found.gzipped
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(body=body, headers={**headers, hdrs.CONTENT_TYPE: found.content_type})

    def read(self, name: str) -> StaticFile | None:
        """Return a file, read again when it has changed; None when there is none. Blocks."""
        if not _NAME.fullmatch(name) or ".." in name:
            return None
        path = self._folder / name
        content_type = TYPES.get(path.suffix)
        if content_type is None:
            return None
        try:
            found = path.stat()
            stamp = found.st_mtime_ns, found.st_size
            known = self._files.get(name)
            if known is not None and known.stamp == stamp:
                return known
            body = path.read_bytes()
        except OSError:
            return None
        gzipped = None if path.suffix in _PACKED_ALREADY else packed(body, _LEVEL)
        file = StaticFile(
            stamp=stamp,
            tag=f'"{hashlib.sha256(body).hexdigest()[:24]}"',
            content_type=content_type,
            body=body,
            gzipped=gzipped if gzipped is not None and len(gzipped) < len(body) else None,
        )
        self._files[name] = file
        return file
