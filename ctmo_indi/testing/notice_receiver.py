"""An HTTP server on loopback that takes what apprise sends to a ``json://`` address."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Self

_HOLD_S = 20.0


class NoticeReceiver:
    """A context manager.

    Attributes
    ----------
    posts
        What came, in order: "title", "message", "type".
    statuses
        What the next posts are answered with; 200 when there is none.
    hold
        While set to an event, a post is answered when that is set: a network that hangs.
    """

    def __init__(self) -> None:
        self.posts: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self.hold: threading.Event | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.append(json.loads(body))
                if receiver.hold is not None:
                    receiver.hold.wait(_HOLD_S)
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.end_headers()

            def log_message(self, format: str, *words: object) -> None:  # noqa: A002 - named so
                """Keep quiet."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://ada:s3cret@127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.hold is not None:
            self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_HOLD_S)
