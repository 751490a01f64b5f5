"""HTTP/1.1 as bytes on a socket: what a well-behaved client library would never send can be sent with this."""

import json
import socket
import time


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} stands {len(values)} times in the answer"
        return values[0] if values else None

    def outcome(self):
        """The status word of our own answer's body."""
        return json.loads(self.body)["status"]

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:200]!r}>"


class Closed(Exception):
    """The other side closed the connection before an answer was complete."""


class Connection:
    """One connection to ("127.0.0.1", port), ("::1", port) or "/path/of/a/socket"."""

    def __init__(self, address, timeout=30, source=None):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
        else:
            self.socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source:
                self.socket.bind((source, 0))
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def end(self):
        """Nothing more will be sent; answers are still read."""
        self.socket.shutdown(socket.SHUT_WR)

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed("end of stream")
        self.buffer += data

    def _take(self, count):
        while len(self.buffer) < count:
            self._more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def interim(self):
        """Reads a 1xx answer."""
        response = self._head()
        assert 100 <= response.status < 200, response
        return response

    def _head(self):
        version, status, _ = (self._line().decode("latin-1") + " ").split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0"), version
        headers = []
        while line := self._line():
            name, value = line.decode("latin-1").split(":", 1)
            headers.append((name, value.strip()))
        return Response(int(status), headers, b"")

    def response(self, method="POST", skip_interim=True):
        response = self._head()
        while skip_interim and 100 <= response.status < 200:
            response = self._head()
        length = response.header("Content-Length")
        if method == "HEAD" or response.status in (204, 304):
            return response
        if (response.header("Transfer-Encoding") or "").lower() == "chunked":
            while size := int(self._line().split(b";")[0], 16):
                response.body += self._take(size)
                self._take(2)
            while self._line():
                pass
        elif length is not None:
            response.body = self._take(int(length))
        else:
            response.body = self.rest()
        return response

    def rest(self):
        """All that comes until the other side closes."""
        try:
            while True:
                self._more()
        except Closed:
            rest, self.buffer = self.buffer, b""
            return rest

    def closed(self, within=10):
        """Does the other side close, with nothing more said, in that many seconds?"""
        self.socket.settimeout(within)
        try:
            return self.socket.recv(65536) == b"" and not self.buffer
        except ConnectionError:
            return True
        except TimeoutError:
            return False


def head(method, target, headers, version="HTTP/1.1", host="hooks.example.com"):
    lines = [f"{method} {target} {version}".encode("latin-1")]
    if host is not None and not any(name.lower() == "host" for name, _ in headers):
        lines.append(b"Host: " + host.encode())
    for name, value in headers:
        value = value if isinstance(value, bytes) else str(value).encode("latin-1")
        lines.append(name.encode("latin-1") + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def chunks(body, size):
    out = b""
    for i in range(0, len(body), size):
        piece = body[i:i + size]
        out += f"{len(piece):x}".encode() + b"\r\n" + piece + b"\r\n"
    return out + b"0\r\n\r\n"


def raw(delivery, chunk=None, target=None, extra=(), version="HTTP/1.1"):
    """A delivery (sign.Delivery) as bytes; chunked with pieces of `chunk` bytes where that is given."""
    headers = list(delivery.headers) + list(extra)
    if chunk:
        framing = [("Transfer-Encoding", "chunked")]
        body = chunks(delivery.body, chunk)
    else:
        framing = [("Content-Length", len(delivery.body))] if delivery.body or delivery.method == "POST" else []
        body = delivery.body
    return head(delivery.method, target or delivery.target, headers + framing, version) + body


def send(address, delivery, timeout=30, **how):
    """One delivery on a connection of its own."""
    with Connection(address, timeout) as connection:
        try:
            connection.send(raw(delivery, **how))
        except ConnectionError:
            # Refused before all was sent: the answer may be there all the same.
            pass
        return connection.response(delivery.method)


def get(address, target, headers=(), method="GET", timeout=30):
    with Connection(address, timeout) as connection:
        connection.send(head(method, target, list(headers) + [("Connection", "close")]))
        return connection.response(method)


def connects(address):
    try:
        Connection(address, 2).close()
        return True
    except OSError:
        return False


def now():
    return int(time.time())
