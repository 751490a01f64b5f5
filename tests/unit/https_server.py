"""A server of keys over https for the tests, with certificates of its own: python3 https_server.py DIR

Makes a CA in DIR (ca.pem) and serves on three ports of 127.0.0.1, each with another certificate: a right one, one for another
name, one that has expired. When it is ready it prints the three ports in a line. It ends when its standard input does.

    /found/...      the bytes "key of PATH", to be kept for two minutes
    /file/NAME      what stands in the file DIR/NAME; /held/NAME the same, once there is a file DIR/release
    /hold/...       the same as found, once there is a file DIR/release
    /never          nothing, as long as the client waits
    /missing        404
    /redirect       302 to /found/elsewhere
    /large          300 KiB, with their length; /chunked the same without
    /count/PATH     how often PATH was asked for

And what providers ask a login for, whose name and password stand in DIR/login ("name:password"); while there is a file DIR/hold, nobody
gets an answer:

    POST /webhook_verification_key/get          as Plaid: DIR/keys/KID, for the login in the body; counted as PATH/KID
    POST /identity/v1/oauth2/token              as eBay: the token in DIR/token, for the login in the header
    /commerce/notification/v1/public_key/KID    as eBay: DIR/keys/KID, for that token
"""

import base64
import collections
import http.server
import json
import os
import pathlib
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

LARGE = 300 * 1024


def run(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


CA_CONFIG = """[ca]
default_ca = here
[here]
dir = .
database = index.txt
serial = serial.txt
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def make_certificates(folder):
    """With `openssl ca`, whose end dates may lie in the past with every version."""
    (folder / "ca.cnf").write_text(CA_CONFIG)
    (folder / "index.txt").write_text("")
    (folder / "serial.txt").write_text("1000\n")
    run(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
        "-days", "2", "-subj", "/CN=hookgate test CA", "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,keyCertSign")
    for name, alternative, end in [("right", "DNS:localhost,IP:127.0.0.1", "20991231235959Z"), ("other", "DNS:other.test", "20991231235959Z"),
                                   ("expired", "DNS:localhost,IP:127.0.0.1", "20200102000000Z")]:
        run(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
            "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative}")
        run(folder, "ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", f"{name}.csr", "-out", f"{name}.pem",
            "-startdate", "20200101000000Z", "-enddate", end, "-notext")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder, name, counts):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.counts = folder, counts
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")

    def finish_request(self, request, address):
        # In the connection's own thread: who does not shake hands keeps nobody else waiting.
        try:
            with self.context.wrap_socket(request, server_side=True) as connection:
                super().finish_request(connection, address)
        except OSError:
            pass

    def handle_error(self, request, address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hold(self):
        while (self.server.folder / "hold").exists():
            time.sleep(0.01)

    def answer_json(self, status, value):
        self.answer(status, json.dumps(value).encode(), Content_Type="application/json")

    def key(self, kid):
        file = self.server.folder / "keys" / kid.replace("/", "_")
        return json.loads(file.read_text()) if file.exists() else None

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name, password = (self.server.folder / "login").read_text(encoding="utf-8").split(":", 1)
        if self.path == "/webhook_verification_key/get" and self.headers["Content-Type"] == "application/json":
            asked = json.loads(body)
            self.server.counts[f"{self.path}/{asked['key_id']}"] += 1
            self.hold()
            key = self.key(asked["key_id"])
            if (asked["client_id"], asked["secret"]) != (name, password):
                self.answer_json(400, {"error_type": "INVALID_INPUT", "error_code": "INVALID_API_KEYS"})
            elif not key:
                self.answer_json(400, {"error_type": "INVALID_INPUT", "error_code": "INVALID_WEBHOOK_VERIFICATION_KEY_ID"})
            else:
                self.answer_json(200, {"key": key, "request_id": "x"})
        elif self.path == "/identity/v1/oauth2/token" and self.headers["Content-Type"] == "application/x-www-form-urlencoded":
            self.server.counts[self.path] += 1
            self.hold()
            # RFC 6749, 2.3.1: both are written as in a form.
            right = ":".join(urllib.parse.quote(text, safe="") for text in (name, password))
            if self.headers["Authorization"] != "Basic " + base64.b64encode(right.encode()).decode():
                self.answer_json(401, {"error": "invalid_client"})
            elif urllib.parse.parse_qs(body.decode()) != {"grant_type": ["client_credentials"], "scope": ["https://api.ebay.com/oauth/api_scope"]}:
                self.answer_json(400, {"error": "invalid_request"})
            else:
                self.answer_json(200, {"access_token": (self.server.folder / "token").read_text(), "expires_in": 7200,
                                       "token_type": "Application Access Token"})
        else:
            self.answer(404, b"")

    def ask_for_key(self, kid):
        self.hold()
        if self.headers["Authorization"] != "Bearer " + (self.server.folder / "token").read_text():
            self.answer_json(401, {"errors": [{"errorId": 1001}]})
        elif self.key(kid):
            self.answer_json(200, self.key(kid))
        else:
            self.answer_json(404, {"errors": [{"errorId": 195001}]})

    def do_GET(self):
        path = self.path
        if path.startswith("/count"):
            self.answer(200, str(self.server.counts[path[len("/count"):]]).encode())
            return
        self.server.counts[path] += 1
        if path.startswith(("/hold/", "/held/")):
            while not (self.server.folder / "release").exists():
                time.sleep(0.01)
        if path.startswith(("/found/", "/hold/")):
            self.answer(200, b"key of " + path.encode(), Cache_Control="public, max-age=120")
        elif path.startswith(("/file/", "/held/")):
            self.answer(200, (self.server.folder / path[len("/file/"):]).read_bytes())
        elif path.startswith("/commerce/notification/v1/public_key/"):
            self.ask_for_key(path.rpartition("/")[2])
        elif path == "/never":
            self.connection.settimeout(30)
            self.connection.recv(1)
            self.close_connection = True
        elif path == "/redirect":
            self.answer(302, b"", Location="/found/elsewhere")
        elif path == "/large":
            self.answer(200, b"x" * LARGE)
        elif path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n" % LARGE + b"x" * LARGE + b"\r\n0\r\n\r\n")
        else:
            self.answer(404, b"")


def main():
    folder = pathlib.Path(sys.argv[1])
    make_certificates(folder)
    counts = collections.Counter()
    servers = [Server(folder, name, counts) for name in ("right", "other", "expired")]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(*(server.server_address[1] for server in servers), flush=True)
    sys.stdin.read()
    os._exit(0)


main()
