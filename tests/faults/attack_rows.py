"""The attack table: what may come to a front desk, and what exactly is answered.

Each row is one thing that was seen to hurt an XML-RPC server (or that could): what is sent, the
HTTP status, the fault code when the status is 200, and whether the connection is closed afterwards.
Every code stands in ``xmlrpc/front_desk.yaml``.
"""

from __future__ import annotations

import base64
import gzip
import xmlrpc.client
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

ORDER = {
    "WOType": "Observation",
    "User": "attacker",
    "ID": "hostile",
    "RA": 23.1,
    "Dec": 13.2,
    "Filter": "I",
    "Exposure Time": 30.0,
}
BODY = xmlrpc.client.dumps((ORDER,), "front_desk").encode()
TEXT = BODY.decode()

# Faults; the words are those of xmlrpc/front_desk.yaml.
NOT_WELL_FORMED, UNSUPPORTED_ENCODING = -32700, -32701
INVALID_XML_RPC, METHOD_NOT_FOUND, INVALID_PARAMETERS = -32600, -32601, -32602
BAD_ORDER, NOT_SERVED_HERE = 400, 405


@dataclass(frozen=True, slots=True)
class Row:
    """One attack.

    Parameters
    ----------
    sent
        Everything that is sent, byte for byte.
    status
        Of the HTTP answer; None when the connection is closed without one.
    fault
        Code of the fault in a 200; None for an accepted order.
    closes
        Whether the server closes the connection.
    """

    name: str
    sent: bytes
    status: int | None
    fault: int | None = None
    closes: bool = False


def post(body: bytes = BODY, line: str = "POST / HTTP/1.1", **headers: str | None) -> bytes:
    """Return a POST with usual headers changed; None leaves one out."""
    usual: dict[str, str | None] = {
        "Host": "localhost",
        "Content-Type": "text/xml",
        "Content-Length": str(len(body)),
    }
    usual |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in usual.items() if value is not None)
    return f"{line}\r\n{head}\r\n".encode("latin-1") + body


def _call(value: str, before: str = "<?xml version='1.0'?>", method: str = "front_desk") -> bytes:
    return (
        f"{before}<methodCall><methodName>{method}</methodName>"
        f"<params><param><value>{value}</value></param></params></methodCall>"
    ).encode()


def _doctype(inside: str, text: str) -> bytes:
    return _call(f"<string>{text}</string>", f"<?xml version='1.0'?><!DOCTYPE lolz {inside}>")


def _laughs() -> bytes:
    entities = '<!ENTITY a0 "lol">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)
    )
    return _doctype(f"[{entities}]", "&a9;")


def _quadratic(length: int, times: int) -> bytes:
    return _doctype(f'[<!ENTITY a "{"A" * length}">]', "&a;" * times)


def _nested(depth: int) -> bytes:
    return _call("<array><data><value>" * depth + "</value></data></array>" * depth)


def _with(old: str, new: str) -> bytes:
    """Return the order with a part of its XML replaced."""
    assert old in TEXT
    return TEXT.replace(old, new).encode()


def _ra(value: str) -> bytes:
    return _with("<double>23.1</double>", value)


def _headers(count: int) -> dict[str, str | None]:
    return {f"X-{number}": "a" for number in range(count)}


def _xml() -> Iterator[Row]:
    """Documents that blow up, recurse, or mean something else to somebody else."""

    def refused(name: str, body: bytes, fault: int) -> Row:
        return Row(name, post(body), 200, fault)

    yield refused("billion laughs", _laughs(), INVALID_XML_RPC)
    yield refused("quadratic entities", _quadratic(50_000, 1000), INVALID_XML_RPC)
    yield refused("entities below expat's threshold", _quadratic(7_500, 1000), INVALID_XML_RPC)
    yield refused(
        "external entity",
        _doctype('[<!ENTITY a SYSTEM "file:///etc/passwd">]', "&a;"),
        INVALID_XML_RPC,
    )
    yield refused(
        "parameter entity",
        _doctype('[<!ENTITY % a SYSTEM "http://127.0.0.1:9/x.dtd"> %a;]', "x"),
        INVALID_XML_RPC,
    )
    yield refused(
        "external DTD", _doctype('SYSTEM "http://127.0.0.1:9/x.dtd"', "x"), INVALID_XML_RPC
    )
    yield refused("DOCTYPE without entities", _doctype("", "x"), INVALID_XML_RPC)
    yield refused("entity that nobody declared", _ra("<string>&file;</string>"), NOT_WELL_FORMED)
    yield refused("processing instruction", _ra("<?php x?><double>1</double>"), INVALID_XML_RPC)
    yield refused(
        "style sheet", _call("<int>1</int>", "<?xml-stylesheet href='x'?>"), INVALID_XML_RPC
    )
    yield refused("nested 9 deep", _nested(9), INVALID_PARAMETERS)
    yield refused("nested 1,000 deep", _nested(1000), INVALID_PARAMETERS)
    yield refused("nested as deep as fits", _nested(1480), INVALID_PARAMETERS)
    yield refused("unknown tags nested 9,000 deep", b"<a>" * 9000 + b"</a>" * 9000, INVALID_XML_RPC)
    yield refused("257 members", _call(_struct(257)), INVALID_PARAMETERS)
    yield refused(
        "257 items",
        _ra("<array><data>" + "<value>a</value>" * 257 + "</data></array>"),
        INVALID_PARAMETERS,
    )
    row = "<value><array><data>" + "<value/>" * 250 + "</data></array></value>"
    yield refused(
        "2,500 values", _ra(f"<array><data>{row * 10}</data></array>"), INVALID_PARAMETERS
    )
    yield refused(
        "257 parameters",
        TEXT.replace("</params>", "<param><value>a</value></param>" * 256 + "</params>").encode(),
        INVALID_PARAMETERS,
    )
    yield refused("utf-16", TEXT.encode("utf-16"), NOT_WELL_FORMED)
    yield refused(
        "utf-16 that says so", _declared("utf-16").decode().encode("utf-16"), NOT_WELL_FORMED
    )
    yield refused("utf-16 declared, utf-8 sent", _declared("utf-16"), UNSUPPORTED_ENCODING)
    yield refused("utf-7 declared", _declared("utf-7"), UNSUPPORTED_ENCODING)
    yield refused("latin-1 declared", _declared("iso-8859-1"), UNSUPPORTED_ENCODING)
    yield refused("EBCDIC declared", _declared("cp037"), UNSUPPORTED_ENCODING)
    yield refused(
        "utf-8 that is none", _ra("<string>X</string>").replace(b"X", b"\xff"), NOT_WELL_FORMED
    )
    yield refused(
        "overlong utf-8", _ra("<string>X</string>").replace(b"X", b"\xc0\xbc"), NOT_WELL_FORMED
    )
    yield refused(
        "surrogate in utf-8",
        _ra("<string>X</string>").replace(b"X", b"\xed\xa0\x80"),
        NOT_WELL_FORMED,
    )
    yield refused("NUL", _ra("<string>\0</string>"), NOT_WELL_FORMED)
    yield refused("reference to NUL", _ra("<string>&#0;</string>"), NOT_WELL_FORMED)
    yield refused("reference to a surrogate", _ra("<string>&#xD800;</string>"), NOT_WELL_FORMED)
    yield refused("cut short", BODY[:-20], NOT_WELL_FORMED)
    yield refused("two documents", BODY + BODY, NOT_WELL_FORMED)
    yield refused("empty body", b"", NOT_WELL_FORMED)
    yield refused("JSON", b'{"method": "front_desk"}', NOT_WELL_FORMED)
    yield refused("HTML", b"<html><script>alert(1)</script></html>", INVALID_XML_RPC)
    yield refused(
        "a response", xmlrpc.client.dumps((1,), methodresponse=True).encode(), INVALID_XML_RPC
    )
    yield refused("attribute", _ra("<double a='b'>1</double>"), INVALID_XML_RPC)
    yield refused("text between tags", _with("<params>", "<params>text"), INVALID_XML_RPC)
    yield refused("two types in a value", _ra("<int>1</int><int>2</int>"), INVALID_XML_RPC)


def _declared(encoding: str) -> bytes:
    return TEXT.replace("version='1.0'", f"version='1.0' encoding='{encoding}'").encode()


def _struct(count: int) -> str:
    members = "".join(f"<member><name>k{n}</name><value>v</value></member>" for n in range(count))
    return f"<struct>{members}</struct>"


def _calls() -> Iterator[Row]:
    """Calls that are XML-RPC, but no order."""

    def refused(name: str, body: bytes, fault: int) -> Row:
        return Row(name, post(body), 200, fault)

    yield refused("empty methodName", _call("a", method=""), INVALID_XML_RPC)
    yield refused(
        "no methodName",
        TEXT.replace("<methodName>front_desk</methodName>\n", "").encode(),
        INVALID_XML_RPC,
    )
    yield refused("methodName of 10,000 letters", _call("a", method="a" * 10_000), INVALID_XML_RPC)
    yield refused("methodName with markup", _call("a", method="a&lt;b"), INVALID_XML_RPC)
    for method in ("system.listMethods", "system.multicall", "system.methodSignature",
                   "__class__.__init__", "front_desk.__globals__", "FRONT_DESK"):  # fmt: skip
        yield refused(f"method {method}", _call("a", method=method), METHOD_NOT_FOUND)
    many = [{"methodName": "front_desk", "params": [ORDER]}] * 20
    body = xmlrpc.client.dumps((many,), "system.multicall").encode()
    yield refused("twenty orders by system.multicall", body, METHOD_NOT_FOUND)
    for name, parameters in {
        "no parameter": (),
        "text": ("text",),
        "number": (1,),
        "array of an order": ([ORDER],),
        "two orders": (ORDER, ORDER),
    }.items():
        body = xmlrpc.client.dumps(parameters, "front_desk").encode()
        yield refused(f"parameter: {name}", body, INVALID_PARAMETERS)
    yield refused("empty struct", _call("<struct></struct>"), BAD_ORDER)


def _values() -> Iterator[Row]:
    """Values that other readers take for something."""
    for name, value in {
        "NaN": "<double>NaN</double>",
        "infinity": "<double>-inf</double>",
        "1e999": "<double>1e999</double>",
        "hexadecimal": "<double>0x1p3</double>",
        "number of 4,000 digits": f"<double>{'9' * 4000}</double>",
        "int of 4,000 digits": f"<int>{'9' * 4000}</int>",
        "i8 of 23 digits": f"<i8>{'9' * 23}</i8>",
        "i8 beyond 32 bits": "<i8>4294967296</i8>",
        "int with an underscore": "<int>1_0</int>",
        "int in Arabic digits": "<int>\u0661\u0662</int>",
        "int with spaces": "<int> 1 </int>",
        "boolean yes": "<boolean>yes</boolean>",
        "dateTime that is no date": "<dateTime.iso8601>not a date</dateTime.iso8601>",
        "30 February": "<dateTime.iso8601>20260230T00:00:00</dateTime.iso8601>",
        "base64 junk": "<base64>!!!!</base64>",
        "base64 of a pickle": f"<base64>{base64.b64encode(b'cos').decode()}</base64>",
        "nil": "<nil/>",
        "struct": "<struct></struct>",
        "array": "<array><data></data></array>",
        "text of 60,000 letters": f"<string>{'A' * 60_000}</string>",
        "format string": "<string>{0.__class__} %s%n</string>",
        "line feed and escape": "<string>1\n2026-11-22 forged \x1b[2J</string>".replace("\x1b", ""),
        "right-to-left override": "<string>\u202e1</string>",
    }.items():
        yield Row(f"RA: {name}", post(_ra(value)), 200, BAD_ORDER)
    again = "</struct>"
    yield Row(
        "RA twice",
        post(
            _with(
                again, "<member><name>RA</name><value><double>1</double></value></member>" + again
            )
        ),
        200,
        BAD_ORDER,
    )
    yield Row(
        "unknown key", post(_with("<name>RA</name>", "<name>__proto__</name>")), 200, BAD_ORDER
    )
    yield Row(
        "SQL in the type", post(_with("Observation", "'; DROP TABLE orders; --")), 200, BAD_ORDER
    )
    yield Row("path in a type", post(_with("Observation", "../../etc/passwd")), 200, BAD_ORDER)
    window = (
        "<member><name>Windows</name><value><array><data><value><struct><member><name>Start</name>"
        "<value>2026-11-22T00:00:00</value></member><member><name>End</name><value>"
        "9999-12-31T00:00:00</value></member></struct></value></data></array></value></member>"
    )
    never = _with("<double>13.2</double>", "<double>-89</double>")
    for name in ("", " "):
        order = {key: ORDER[key] for key in ORDER if key not in ("RA", "Dec")} | {"Object": name}
        body = xmlrpc.client.dumps((order,), "front_desk").encode()
        yield Row(f"target named {name!r}", post(body), 200, BAD_ORDER)
    yield Row(
        "a place that never rises, until the year 9999",
        post(never.replace(b"</struct>", window.encode() + b"</struct>")),
        200,
        422,
    )
    yield Row(
        "Priority nil, which the contract allows",
        post(
            _with(
                "</struct>", "<member><name>Priority</name><value><nil/></value></member></struct>"
            )
        ),
        200,
        None,
    )


def _sizes() -> Iterator[Row]:
    """More than is taken: refused by the length that is announced, unread."""
    for name, length in {
        "300 MB": 300_000_000,
        "one byte too many": 65_537,
        "10^18": 10**18,
    }.items():
        sent = post(b"A" * min(length, 100_000), Content_Length=str(length))
        yield Row(f"body of {name}", sent, 413, closes=True)
    million = "<array><data>" + "<value><int>1</int></value>" * 40_000
    yield Row(
        "array of a million", post(_call(million), Content_Length="25000000"), 413, closes=True
    )
    yield Row("nested a million deep", post(_nested(3000)), 413, closes=True)
    bomb = gzip.compress(BODY + b" " * 16_000_000)
    for encoding, body in {
        "gzip": bomb,
        "deflate": zlib.compress(BODY + b" " * 16_000_000),
        "br": b"\x8b\x00",
        "zstd": b"\x28\xb5\x2f\xfd",
        "gzip, gzip": bomb,
        "x-gzip": bomb,
    }.items():
        yield Row(
            f"body packed by {encoding}", post(body, Content_Encoding=encoding), 415, closes=True
        )
    yield Row("packed without saying so", post(gzip.compress(BODY)), 200, NOT_WELL_FORMED)
    yield Row("64 headers too many", post(**_headers(130)), 400, closes=True)
    yield Row("header of 100 kB", post(X="a" * 100_000), 400, closes=True)
    yield Row("URL of 100 kB", post(line=f"POST /{'a' * 100_000} HTTP/1.1"), 400, closes=True)
    yield Row("header name of 100 kB", post(**{"X" * 100_000: "a"}), 400, closes=True)


def _heads() -> Iterator[Row]:
    """Heads of requests: smuggling, other hosts, foreign pages."""

    def refused(name: str, sent: bytes, status: int) -> Row:
        return Row(name, sent, status, closes=True)

    for length in ("-1", "many", "+5", "0x10", "1e3", "5, 5", "5 5", "\u00b2", "", "9" * 30):
        yield refused(f"Content-Length {length[:12]!r}", post(Content_Length=length), 400)
    yield refused("no Content-Length", post(b"", Content_Length=None), 411)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    yield refused("chunked", post(chunked, Content_Length=None, Transfer_Encoding="chunked"), 411)
    yield refused("chunked and a length", post(chunked, Transfer_Encoding="chunked"), 400)
    yield refused(
        "chunked by another name",
        post(chunked, Content_Length=None, Transfer_Encoding="xchunked"),
        400,
    )
    yield refused(
        "chunk of 2^64",
        post(b"FFFFFFFFFFFFFFFFF\r\nx", Content_Length=None, Transfer_Encoding="chunked"),
        400,
    )
    two = post().replace(b"Content-Length", b"Content-Length: 5\r\nContent-Length", 1)
    yield refused("two Content-Lengths", two, 400)
    yield refused(
        "space before the colon", post().replace(b"Content-Length:", b"Content-Length :"), 400
    )
    yield refused(
        "folded header", post().replace(b"Host: localhost", b"Host: localhost\r\n more"), 400
    )
    yield refused("NUL in a header", post(X="a\0b"), 400)
    yield refused("line feed alone in a header", post(X="a\nX-Forged: b"), 400)
    yield refused("foreign Host", post(Host="evil.example"), 421)
    yield refused("Host that begins like ours", post(Host="localhost.evil.example"), 421)
    yield refused("Host with a user", post(Host="localhost@evil.example"), 421)
    yield refused("no Host", post(Host=None), 400)
    yield refused(
        "two Hosts", post().replace(b"Host: localhost", b"Host: localhost\r\nHost: a"), 400
    )
    yield refused("Host of markup", post(Host="<script>"), 421)
    for origin in ("http://evil.example", "null", "http://localhost:1", "file://"):
        yield refused(f"Origin {origin}", post(Origin=origin), 403)
    yield refused(
        "form of a foreign page", post(Origin="http://evil.example", Content_Type="text/plain"), 403
    )
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "application/json",
        "text/xml; charset=utf-16",
        "text/xml; charset=utf-7",
        "text/xml, text/plain",
        "",
        None,
    ):
        yield refused(f"Content-Type {content_type}", post(Content_Type=content_type), 415)
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        yield refused(f"method {method}", post(line=f"{method} /RPC2 HTTP/1.1"), 405)
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        yield refused(f"method {method} of the page", post(line=f"{method} / HTTP/1.1"), 405)
    for method in ("GET", "HEAD"):  # the page is for those who look: what they send is no order
        yield refused(f"order by {method}", post(line=f"{method} / HTTP/1.1"), 400)
    yield refused("method that is none", post(line="FOO / HTTP/1.1"), 400)
    for path in ("/RPC3", "/../etc/passwd", "/%2e%2e/RPC2", "//RPC2", "/RPC2/", "/RPC2%00"):
        yield refused(f"path {path}", post(line=f"POST {path} HTTP/1.1"), 404)
    yield refused(
        "preflight of a foreign page",
        post(
            b"",
            "OPTIONS / HTTP/1.1",
            Origin="http://evil.example",
            Access_Control_Request_Method="POST",
        ),
        403,
    )
    yield refused("path *", post(line="POST * HTTP/1.1"), 400)
    yield refused("no HTTP", b"nonsense\r\n\r\n", 400)
    yield refused("HTTP/0.9", b"GET /\r\n\r\n", 421)
    yield refused("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400)
    yield refused("HTTP/9.9", post(line="POST / HTTP/9.9"), 400)
    yield refused(
        "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50 + b"\r\n\r\n", 400
    )
    yield refused("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400)
    yield refused("Redis", b"*1\r\n$4\r\nPING\r\n\r\n", 400)
    yield refused("wrong token", post(Authorization="Bearer wrong"), 401)
    yield refused("token of 100 kB", post(Authorization="Bearer " + "a" * 100_000), 400)
    yield refused(
        "two tokens",
        post().replace(
            b"Host: localhost",
            b"Host: localhost\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b",
        ),
        400,
    )
    yield Row("Expect something else", post(Expect="the-spanish-inquisition"), 200, None)
    yield Row("Upgrade to websocket", post(Upgrade="websocket", Connection="upgrade"), 200, None)


ROWS = (*_xml(), *_calls(), *_values(), *_sizes(), *_heads())
