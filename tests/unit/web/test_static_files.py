"""The page's files: what is served, and that nothing else is."""

from __future__ import annotations

import gzip
import http.client
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctmo_indi.front_desk.pages import PublicRoute, RouteTable
from ctmo_indi.testing.desks import FakeDesk, serving
from ctmo_indi.web.static_files import FOLDER, PREFIX, StaticFiles

SCRIPT = b"export const a = 1;\n" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = tmp_path / "package" / "static"
    (files / "vendor").mkdir(parents=True)
    (files / "index.html").write_bytes(b"<!doctype html>")
    (files / "a.js").write_bytes(SCRIPT)
    (files / "vendor" / "b.min.css").write_bytes(b"b{}")
    (files / ".hidden.js").write_bytes(b"hidden")
    (files / "notes.md").write_bytes(b"notes")
    (files / "LICENSE.b").write_bytes(b"licence")
    (tmp_path / "package" / "secret.js").write_bytes(b"secret")
    return files


@pytest.fixture
def host(folder: Path) -> Iterator[str]:
    files = StaticFiles(folder)
    table = RouteTable((PublicRoute("/", files.index), PublicRoute(PREFIX, files.file)))
    with serving(FakeDesk("scheduler"), pages={"scheduler": table}) as (url,):
        yield url.removeprefix("http://")


def get(
    host: str, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(host, timeout=10.0)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=named)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_a_file_comes_with_its_type_and_a_tag(host: str) -> None:
    response, body = get(host, "/static/a.js")
    assert (response.status, body) == (200, SCRIPT)
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "Content-Encoding" not in response.headers
    again, body = get(host, "/static/a.js", If_None_Match=response.headers["ETag"])
    assert (again.status, body) == (304, b"")


def test_it_is_compressed_for_who_takes_that(host: str) -> None:
    response, body = get(host, "/static/a.js", Accept_Encoding="br, gzip;q=0.8")
    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == SCRIPT
    assert len(body) < len(SCRIPT)
    response, body = get(host, "/static/a.js", Accept_Encoding="gzip;q=0, br")
    assert body == SCRIPT
    response, body = get(host, "/static/vendor/b.min.css", Accept_Encoding="gzip")
    assert body == b"b{}"  # shorter as it is


def test_the_root_is_the_page(host: str) -> None:
    response, body = get(host, "/?night=20261122")
    assert (response.status, body) == (200, b"<!doctype html>")
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"


def test_head_tells_the_length(host: str) -> None:
    response, body = get(host, "/static/a.js", method="HEAD")
    assert (response.status, body) == (200, b"")
    assert response.headers["Content-Length"] == str(len(SCRIPT))


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static",
        "/static/vendor",
        "/static/vendor/",
        "/static/../secret.js",
        "/static/vendor/../../secret.js",
        "/static/%2e%2e/secret.js",
        "/static/..%2fsecret.js",
        "/static/%2e%2e%2fsecret.js",
        "/static/..%5csecret.js",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/a.js%00",
        "/static/a.js%0d%0aX: 1",
        "/static/.hidden.js",
        "/static/vendor/./b.min.css",
        "/static/notes.md",
        "/static/LICENSE.b",
        "/static/nothing.js",
        "/static/" + "a" * 1500 + ".js",
        "/static/a.js/",
        "/static/%ff%fe.js",
        "/index.html",
    ],
)
def test_nothing_else_is_there(host: str, path: str) -> None:
    response, body = get(host, path.replace(" ", "%20"))
    assert response.status == 404, body
    assert b"secret" not in body.replace(b"secret.js", b"")


def test_a_file_that_changes_is_read_again(folder: Path) -> None:
    files = StaticFiles(folder)
    before = files.read("a.js")
    assert files.read("a.js") is before
    (folder / "a.js").write_bytes(b"export const a = 2;\n")
    os.utime(folder / "a.js", ns=(1, 1))
    after = files.read("a.js")
    assert before is not None
    assert after is not None
    assert after.body == b"export const a = 2;\n"
    assert after.tag != before.tag
    (folder / "a.js").unlink()
    assert files.read("a.js") is None


def test_the_page_of_the_package_is_there() -> None:
    files = StaticFiles()
    names = [
        str(path.relative_to(FOLDER))
        for path in FOLDER.rglob("*")
        if path.suffix in {".js", ".css"}
    ]
    assert "app.js" in names
    for name in ("index.html", *names):
        assert files.read(name) is not None, name
