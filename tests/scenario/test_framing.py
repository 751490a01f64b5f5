"""A stranger at the door: requests that two readers could read in two ways, or that nobody can read.

Each carries a rightly signed delivery, so that something would be stored if it were let in; and where it can, a second
delivery is smuggled in behind it. All must be refused and the connection closed, and the gateway must go on.
"""

import os
import random

import re

import pytest
import sign
import wire
from conftest import STRIPE
from harness import at_once, entries, wait_until


def request(delivery, lines, body, line=b"POST /hooks/stripe HTTP/1.1", host=b"Host: hooks.example.com"):
    """Raw: the request line, Host, the signature, then the lines of the case."""
    head = [line] + ([host] if host else []) + [b"Stripe-Signature: " + delivery.header("Stripe-Signature").encode()]
    return b"\r\n".join(head + list(lines)) + b"\r\n\r\n" + body


def length(n):
    return b"Content-Length: %d" % n


CHUNKED = b"Transfer-Encoding: chunked"


def framed(lines, **how):
    """Both framings stand behind the head where either might be read."""
    def make(delivery):
        body = delivery.body
        given = lines(len(body)) if callable(lines) else lines
        as_chunks = any(b"chunked" in line.lower() for line in given)
        return request(delivery, given, wire.chunks(body, 4096) if as_chunks else body, **how)
    return make


def chunk_body(make_body, lines=(CHUNKED,)):
    return lambda delivery: request(delivery, lines, make_body(delivery.body))


def whole(replace):
    """The text of a good request, changed."""
    return lambda delivery: replace(request(delivery, [length(len(delivery.body))], delivery.body))


AMBIGUOUS = {
    "length and chunked": framed(lambda n: [length(n), CHUNKED]),
    "chunked and length": framed(lambda n: [CHUNKED, length(n)]),
    "length 0 and chunked": framed(lambda n: [length(0), CHUNKED]),
    "two lengths that differ": framed(lambda n: [length(n), length(n + 10)]),
    "two lengths that differ, the first larger": framed(lambda n: [length(n + 10), length(n)]),
    "two lengths that agree": framed(lambda n: [length(n), length(n)]),
    "a list of lengths": framed(lambda n: [b"Content-Length: %d, %d" % (n, n)]),
    "length with plus": framed(lambda n: [b"Content-Length: +%d" % n]),
    "length with minus": framed([b"Content-Length: -1"]),
    "length -0": framed([b"Content-Length: -0"]),
    "length with a space inside": framed(lambda n: [b"Content-Length: %s" % b" ".join(b"%d" % int(d) for d in str(n))]),
    "length in hex": framed(lambda n: [b"Content-Length: 0x%x" % n]),
    "length with a point": framed(lambda n: [b"Content-Length: %d.0" % n]),
    "length with a letter": framed(lambda n: [b"Content-Length: %da" % n]),
    "length empty": framed([b"Content-Length: "]),
    "length in quotes": framed(lambda n: [b'Content-Length: "%d"' % n]),
    "length of 2^64": framed([b"Content-Length: 18446744073709551616"]),
    "length of 2^64 and some": framed(lambda n: [b"Content-Length: %d" % ((1 << 64) + n)]),
    "length of 40 digits": framed([b"Content-Length: " + b"9" * 40]),
    "space before the length's colon": framed(lambda n: [b"Content-Length : %d" % n]),
    "tab before the length's colon": framed(lambda n: [b"Content-Length\t: %d" % n]),
    "space before the encoding's colon": framed([b"Transfer-Encoding : chunked"]),
    "encoding identity": framed(lambda n: [b"Transfer-Encoding: identity", length(n)]),
    "encoding gzip": framed(lambda n: [b"Transfer-Encoding: gzip", length(n)]),
    "encoding gzip alone": framed([b"Transfer-Encoding: gzip"]),
    "encoding gzip, chunked": framed([b"Transfer-Encoding: gzip, chunked"]),
    "encoding chunked, gzip": framed([b"Transfer-Encoding: chunked, gzip"]),
    "encoding chunked twice in one line": framed([b"Transfer-Encoding: chunked, chunked"]),
    "encoding chunked in two lines": framed([CHUNKED, CHUNKED]),
    "encoding chunked and identity": framed([CHUNKED, b"Transfer-Encoding: identity"]),
    "encoding xchunked": framed([b"Transfer-Encoding: xchunked"]),
    "encoding chunkedx": framed([b"Transfer-Encoding: chunkedx"]),
    "encoding in quotes": framed([b'Transfer-Encoding: "chunked"']),
    "encoding empty": framed(lambda n: [b"Transfer-Encoding:", length(n)]),
    "encoding with a comma": framed([b"Transfer-Encoding: ,chunked"]),
    "encoding with a parameter": framed([b"Transfer-Encoding: chunked;q=1"]),
    "encoding with vertical tab": framed([b"Transfer-Encoding: \x0bchunked"]),
    "encoding with NUL": framed([b"Transfer-Encoding: chunked\x00"]),
    "encoding in HTTP/1.0": framed([CHUNKED], line=b"POST /hooks/stripe HTTP/1.0"),
    "NUL in a value": framed(lambda n: [b"X-A: a\x00b", length(n)]),
    "NUL in a name": framed(lambda n: [b"X\x00A: a", length(n)]),
    "NUL at a length's end": framed(lambda n: [b"Content-Length: %d\x00" % n]),
    "folded value": framed(lambda n: [b"X-A: a", b" b", length(n)]),
    "folded with a tab": framed(lambda n: [b"X-A: a", b"\tb", length(n)]),
    "folded length": framed(lambda n: [b"Content-Length:", b" %d" % n]),
    "folded encoding": framed([b"Transfer-Encoding:", b" chunked"]),
    "first header folded": framed(lambda n: [length(n)], host=b" Host: hooks.example.com"),
    "no host": framed(lambda n: [length(n)], host=None),
    "two hosts": framed(lambda n: [b"Host: other.example.com", length(n)]),
    "the same host twice": framed(lambda n: [b"Host: hooks.example.com", length(n)]),
    "header without a colon": framed(lambda n: [b"X-A", length(n)]),
    "header with an empty name": framed(lambda n: [b": a", length(n)]),
    "header name with a space": framed(lambda n: [b"X A: a", length(n)]),
    "header name with 8-bit bytes": framed(lambda n: [b"X-\xff: a", length(n)]),
    "header name with a bracket": framed(lambda n: [b"X(A): a", length(n)]),
    "header name with a control character": framed(lambda n: [b"X\x01A: a", length(n)]),
    "control character in a value": framed(lambda n: [b"X-A: a\x01b", length(n)]),
    "DEL in a value": framed(lambda n: [b"X-A: a\x7fb", length(n)]),
    "bare CR in a value": framed(lambda n: [b"X-A: a\rContent-Length: 0", length(n)]),
    "bare CR before a length": framed(lambda n: [b"X-A: a\r" + length(n), length(n)]),
    "bare LF in the head": framed(lambda n: [b"X-A: a\nX-B: b", length(n)]),
    "LF alone everywhere": whole(lambda text: text.replace(b"\r\n", b"\n")),
    "LF alone after the request line": whole(lambda text: text.replace(b"\r\n", b"\n", 1)),
    "LF alone at the head's end": whole(lambda text: text.replace(b"\r\n\r\n", b"\r\n\n", 1)),
    "CR CR LF at a line's end": whole(lambda text: text.replace(b"\r\n", b"\r\r\n", 1)),
    "no version": framed(lambda n: [length(n)], line=b"POST /hooks/stripe"),
    "version 0.9": framed(lambda n: [length(n)], line=b"POST /hooks/stripe HTTP/0.9"),
    "version 2.0": framed(lambda n: [length(n)], line=b"POST /hooks/stripe HTTP/2.0"),
    "version 1.10": framed(lambda n: [length(n)], line=b"POST /hooks/stripe HTTP/1.10"),
    "version in lower case": framed(lambda n: [length(n)], line=b"POST /hooks/stripe http/1.1"),
    "version with junk": framed(lambda n: [length(n)], line=b"POST /hooks/stripe HTTP/1.1x"),
    "another protocol": framed(lambda n: [length(n)], line=b"POST /hooks/stripe ICAP/1.0"),
    "space at the request line's end": framed(lambda n: [length(n)], line=b"POST /hooks/stripe HTTP/1.1 "),
    "two spaces in the request line": framed(lambda n: [length(n)], line=b"POST  /hooks/stripe HTTP/1.1"),
    "two spaces before the version": framed(lambda n: [length(n)], line=b"POST /hooks/stripe  HTTP/1.1"),
    "space in the target": framed(lambda n: [length(n)], line=b"POST /hooks/stripe a HTTP/1.1"),
    "tabs in the request line": framed(lambda n: [length(n)], line=b"POST\t/hooks/stripe\tHTTP/1.1"),
    "space before the method": framed(lambda n: [length(n)], line=b" POST /hooks/stripe HTTP/1.1"),
    "NUL in the target": framed(lambda n: [length(n)], line=b"POST /hooks/stripe\x00 HTTP/1.1"),
    "NUL in the method": framed(lambda n: [length(n)], line=b"PO\x00ST /hooks/stripe HTTP/1.1"),
    "8-bit bytes in the target": framed(lambda n: [length(n)], line=b"POST /hooks/stripe\xff HTTP/1.1"),
    "control character in the target": framed(lambda n: [length(n)], line=b"POST /hooks/stripe\x01 HTTP/1.1"),
    "bare CR in the request line": framed(lambda n: [length(n)], line=b"POST /hooks/stripe\rX HTTP/1.1"),
    "no target": framed(lambda n: [length(n)], line=b"POST  HTTP/1.1"),
    "only a method": framed(lambda n: [length(n)], line=b"POST"),
    "method with odd bytes": framed(lambda n: [length(n)], line=b"P(ST /hooks/stripe HTTP/1.1"),
    "target without a slash": framed(lambda n: [length(n)], line=b"POST hooks/stripe HTTP/1.1"),
    "chunk size that is no number": chunk_body(lambda b: b"zz\r\n" + b + b"\r\n0\r\n\r\n"),
    "chunk size empty": chunk_body(lambda b: b"\r\n" + b + b"\r\n0\r\n\r\n"),
    "chunk size negative": chunk_body(lambda b: b"-1\r\n" + b + b"\r\n0\r\n\r\n"),
    "chunk size with plus": chunk_body(lambda b: b"+%x\r\n" % len(b) + b + b"\r\n0\r\n\r\n"),
    "chunk size with 0x": chunk_body(lambda b: b"0x%x\r\n" % len(b) + b + b"\r\n0\r\n\r\n"),
    "chunk size with a space before": chunk_body(lambda b: b" %x\r\n" % len(b) + b + b"\r\n0\r\n\r\n"),
    "chunk size of 2^64": chunk_body(lambda b: b"10000000000000000\r\n" + b + b"\r\n0\r\n\r\n"),
    "chunk size of 2^64 and some": chunk_body(lambda b: b"1%016x\r\n" % len(b) + b + b"\r\n0\r\n\r\n"),
    "chunk size of 17 Fs": chunk_body(lambda b: b"f" * 17 + b"\r\n" + b + b"\r\n0\r\n\r\n"),
    "chunk longer than its size": chunk_body(lambda b: b"%x\r\n" % (len(b) - 3) + b + b"\r\n0\r\n\r\n"),
    "chunk shorter than its size": chunk_body(lambda b: b"%x\r\n" % (len(b) + 3) + b + b"\r\n0\r\n\r\n"),
    "chunk without its end": chunk_body(lambda b: b"%x\r\n" % len(b) + b + b"0\r\n\r\n"),
    "chunk size ended by CR": chunk_body(lambda b: b"%x\r" % len(b) + b + b"\r\n0\r\n\r\n"),
    "NUL in a chunk size": chunk_body(lambda b: b"%x\x00\r\n" % len(b) + b + b"\r\n0\r\n\r\n"),
    "very long chunk extension": chunk_body(lambda b: b"%x;" % len(b) + b"a" * 100000 + b"\r\n" + b + b"\r\n0\r\n\r\n"),
    "very long trailer": chunk_body(lambda b: b"%x\r\n" % len(b) + b + b"\r\n0\r\nX: " + b"a" * 100000 + b"\r\n\r\n"),
}


@pytest.mark.parametrize("name", list(AMBIGUOUS))
def test_ambiguous_requests_are_refused(shared, name):
    gateway, db = shared
    before = len(entries(db, "stripe"))
    delivery, smuggled = sign.stripe(STRIPE), sign.stripe(STRIPE)
    with wire.Connection(gateway.address(), timeout=10) as connection:
        try:
            connection.send(AMBIGUOUS[name](delivery) + wire.raw(smuggled))
            # What waits for more than was sent is let know that there is no more.
            connection.end()
        except OSError:
            pass
        answered = connection.rest()
    assert b" 200 " not in answered.split(b"\r\n")[0] and b'"accepted"' not in answered, answered
    # One answer at most, and no other than "malformed": an empty one is a closed connection.
    if answered:
        assert answered.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ", b"HTTP/1.1 413 ", b"HTTP/1.1 431 ", b"HTTP/1.1 414 ",
                                    b"HTTP/1.1 501 ", b"HTTP/1.1 505 ")), answered
        # libmicrohttpd 0.9.75 sends the head of some of its own refusals twice; no answer of another kind may follow.
        assert set(re.findall(rb"HTTP/1\.[01] ([0-9]{3})", answered)) == {answered[9:12]}, answered
    assert len(entries(db, "stripe")) == before, f"{name}: something was stored"
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200


MUST_ANSWER = ["length and chunked", "two lengths that differ", "two lengths that agree", "space before the length's colon",
               "NUL in a value", "folded value", "no host", "two hosts", "encoding chunked twice in one line",
               "encoding in HTTP/1.0", "encoding xchunked", "encoding identity", "length with plus", "header without a colon"]


@pytest.mark.parametrize("name", MUST_ANSWER)
def test_the_well_known_ones_are_answered_400_and_counted(shared, name):
    """Where the head can be told to be wrong, the sender is told so, and operators can count it."""
    gateway, _ = shared
    before = gateway.count("malformed_request")
    with wire.Connection(gateway.address(), timeout=10) as connection:
        connection.send(AMBIGUOUS[name](sign.stripe(STRIPE)))
        response = connection.response()
        assert response.status == 400, response
        assert b" 200 " not in connection.rest()
    wait_until(lambda: gateway.count("malformed_request") > before, "the refusal to be counted")


@pytest.mark.parametrize("junk", [b"GARBAGE\r\n\r\n", b"POST /hooks/stripe\r\nHost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                  b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 200, b"POST /hooks/str"],
                         ids=lambda b: repr(b[:20]))
def test_a_request_line_that_is_none_is_counted(shared, junk):
    """Once each, and one log line: most of them libmicrohttpd does not even tell of."""
    gateway, _ = shared
    wait_until(lambda: gateway.metrics().sum("hookgate_connections") == 0, "earlier connections to end")
    before = gateway.count("malformed_request")
    with wire.Connection(gateway.address(), timeout=10) as connection:
        connection.send(junk)
        connection.end()
        assert b" 200 " not in connection.rest()
    wait_until(lambda: gateway.count("malformed_request") > before, "the request to be counted")
    wait_until(lambda: gateway.metrics().sum("hookgate_connections") == 0, "the connection to end")
    assert gateway.count("malformed_request") == before + 1
    wait_until(lambda: len(gateway.log("delivery", outcome="malformed_request")) == before + 1, "a log line for each")


def test_a_connection_without_a_byte_is_no_request(shared):
    gateway, _ = shared
    wait_until(lambda: gateway.metrics().sum("hookgate_connections") == 0, "earlier connections to end")
    before = gateway.count("malformed_request")
    for _ in range(3):
        wire.Connection(gateway.address()).close()
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    wait_until(lambda: gateway.metrics().sum("hookgate_connections") == 0, "the connections to end")
    assert gateway.count("malformed_request") == before


def test_nothing_is_served_behind_chunks_ended_by_lf(shared):
    """libmicrohttpd 0.9 takes LF alone inside chunked framing; so nothing that stands behind such a body may be served."""
    gateway, db = shared
    before = len(entries(db, "stripe"))
    chunked = chunk_body(lambda b: b"%x\n" % len(b) + b + b"\n0\n\n")
    with wire.Connection(gateway.address(), timeout=10) as connection:
        connection.send(chunked(sign.stripe(STRIPE)) + wire.raw(sign.stripe(STRIPE)))
        connection.end()
        answered = connection.rest()
    assert answered.count(b"HTTP/1.") <= 1, answered
    assert len(entries(db, "stripe")) <= before + 1


@pytest.mark.parametrize("kind", ["length", "chunked"])
@pytest.mark.parametrize("how", ["half closed", "reset"])
def test_a_body_cut_off(shared, kind, how):
    gateway, db = shared
    before = len(entries(db, "stripe"))
    delivery = sign.stripe(STRIPE, size=3000)
    text = wire.raw(delivery, chunk=100 if kind == "chunked" else None)
    for cut in (len(text) - 1, len(text) - 3, len(text) - 50, len(text) - 2500):
        with wire.Connection(gateway.address(), timeout=10) as connection:
            connection.send(text[:cut])
            if how == "half closed":
                connection.end()
                assert b" 200 " not in connection.rest()
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    assert len(entries(db, "stripe")) == before + 1


@pytest.mark.parametrize("junk", [b"\x00" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 200, b"\r\n" * 2000,
                                  b"GET", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"A" * 200000, b"POST / " + b"a" * 200000,
                                  b"*1\r\n$4\r\nPING\r\n", b"\xff\xfe\xfd" * 50, bytes(range(256)) * 20],
                         ids=lambda b: repr(b[:16]))
def test_junk(shared, junk):
    gateway, db = shared
    before = len(entries(db, "stripe"))
    with wire.Connection(gateway.address(), timeout=10) as connection:
        try:
            connection.send(junk)
            connection.end()
        except OSError:
            pass
        assert b" 200 " not in connection.rest()
    assert gateway.running()
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    assert len(entries(db, "stripe")) == before + 1


def test_many_headers(shared):
    gateway, _ = shared
    for count, allowed in ((50, {200}), (1000, {200, 400, 413, 431}), (5000, {400, 413, 431})):
        delivery = sign.stripe(STRIPE)
        delivery.headers += [(f"X-{i}", "v") for i in range(count)]
        try:
            assert gateway.deliver(delivery).status in allowed, count
        except (wire.Closed, OSError):
            assert 200 not in allowed or count == 1000


def test_random_mutations(shared):
    """Bytes of a good request replaced, doubled or left out at random (the seed is told): refused or taken, never fatal."""
    gateway, db = shared
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    dice = random.Random(seed)
    stored_before = len(entries(db, "stripe"))
    texts = []
    for _ in range(400):
        delivery = sign.stripe(STRIPE)
        text = bytearray(wire.raw(delivery, chunk=dice.choice([None, 50])))
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(text))
            kind = dice.randrange(3)
            if kind == 0:
                text[at] = dice.randrange(256)
            elif kind == 1:
                text[at:at] = text[at:at + dice.randint(1, 9)]
            else:
                del text[at:at + dice.randint(1, 9)]
        texts.append(bytes(text))

    def send(text):
        with wire.Connection(gateway.address(), timeout=10) as connection:
            try:
                connection.send(text)
                connection.end()
            except OSError:
                pass
            return b'"accepted"' in connection.rest()

    accepted = sum(at_once([lambda t=text: send(t) for text in texts], threads=16))
    assert gateway.running()
    assert len(entries(db, "stripe")) == stored_before + accepted
    # What was stored was stored as it was signed.
    for entry in entries(db, "stripe"):
        assert entry["id"] in entry["data"]
