"""A plugin of somebody else's: built outside the tree against the installed header, loaded, and refused when it is wrong."""

import base64
import dataclasses
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import subprocess
import time
import zlib

import pytest

import harness
import sign
import test_keys
from harness import entries, wait_until
from test_commands import run

SECRET = "scenario-acme-secret"

# Signs "<option realm>|<X-Acme-Time>|<body>": small, but it asks the host for a bit of everything.
SOURCE = r"""
#include "trust/plugin.h"

struct state { struct plugin_bytes pieces[5], signature; };

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text;

	if (!state)
		return PLUGIN_WRONG;
	if (host->option(call, "realm", 0, &state->pieces[0]) != 1)
		return PLUGIN_WRONG;
	if (host->header(call, "X-Acme", 0, &text) != 1 || host->header(call, "X-Acme-Time", 0, &state->pieces[2]) != 1) {
		host->reason(call, "X-Acme or X-Acme-Time is missing");
		return PLUGIN_MISSING;
	}
	state->pieces[1] = state->pieces[3] = PLUGIN_LITERAL("|");
	state->pieces[4] = host->part(call, PLUGIN_BODY);
	host->signature(call, text);
	host->signed_text(call, state->pieces, 5);
	(void)host->decode(call, PLUGIN_BASE64, text, &state->signature);
	ASK
	return PLUGIN_OK;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes mac;

	if (host->mac(call, PLUGIN_SHA512, secret, state->pieces, 5, &mac) != PLUGIN_OK)
		return PLUGIN_WRONG;
	return host->equal(mac, state->signature) ? PLUGIN_OK : PLUGIN_MISMATCH;
}

static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes pieces[5] = { { 0, 0 }, PLUGIN_LITERAL("|"), PLUGIN_LITERAL("now"), PLUGIN_LITERAL("|") }, mac, text;

	(void)host->option(call, "realm", 0, &pieces[0]);
	pieces[4] = host->part(call, PLUGIN_BODY);
	if (host->mac(call, PLUGIN_SHA512, secret, pieces, 5, &mac) != PLUGIN_OK ||
	    host->encode(call, PLUGIN_BASE64, mac, &text) != PLUGIN_OK)
		return PLUGIN_WRONG;
	(void)host->add_header(call, "X-Acme-Time", pieces[2]);
	return host->add_header(call, "X-Acme", text);
}

static const struct plugin_option options[] = {
	{ "realm", PLUGIN_OPTION_TEXT, true, "the realm that Acme shows beside the secret" },
	{ "strict", PLUGIN_OPTION_FLAG, false, "whether" },
};

PLUGIN_EXPORT const struct plugin SYMBOL = {
	.abi = ABI, .size = SIZE, .name = NAME, .scheme = "hmac-sha512 base64 over {realm}|{time}|{body}",
	.options = options, .option_count = 2, .read = read, .prove = prove, .sign = sign,
};
"""

DESCRIPTION = """name: acme
title: Acme
docs: https://acme.example/
verify: { algorithm: plugin, plugin: acme, covered: full }
event: { id: "body:/id", type: "body:/type", id_signed: true, window: 1d }
sign: { sample: '{{"id":{id|json},"type":{type|json}}}' }
vectors:
  - { expect: accepted }
"""


@pytest.fixture(scope="module")
def include(tmp_path_factory):
    """Where the header is once the gateway is installed."""
    there = tmp_path_factory.mktemp("installed")
    build = pathlib.Path(harness.BINARY).resolve().parent
    subprocess.run(["meson", "install", "-C", str(build), "--no-rebuild", "--destdir", str(there)], check=True,
                   stdout=subprocess.DEVNULL)
    headers = list(there.rglob("plugin*.h"))
    assert {h.name for h in headers} == {"plugin.h", "plugin_help.h", "plugin_fields.h"}
    assert {h.parent.name for h in headers} == {"trust"}, headers
    return headers[0].parent.parent


@pytest.fixture
def acme(folder, include):
    """Builds acme.so, changed as is said, into the folder of plugins; its description stands beside it."""
    (folder / "plugins").mkdir(mode=0o755)
    (folder / "providers").mkdir()
    (folder / "providers" / "acme.yaml").write_text(DESCRIPTION)

    def build(file="acme.so", symbol="plugin_acme", abi="PLUGIN_ABI", size="sizeof(struct plugin)", name='"acme"', ask="",
              mode=0o755):
        source = folder / "acme.c"
        source.write_text(SOURCE.replace("SYMBOL", symbol).replace("ABI,", abi + ",").replace("SIZE", size)
                          .replace("NAME", name).replace("ASK", ask))
        out = folder / "plugins" / file
        subprocess.run(["cc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{include}", "-o", str(out), str(source)],
                       check=True)
        out.chmod(mode)
        return out

    return build


ROUTE = {"name": "acme", "path": "/hooks/acme", "provider": "acme", "secret": SECRET, "options": {"realm": "north"}}


def config(folder, **more):
    return {"listen": "127.0.0.1:0", "provider_dir": str(folder / "providers"), "plugin_dir": str(folder / "plugins"),
            "routes": [ROUTE], **more}


def check(folder, **more):
    file = folder / "c.yaml"
    file.write_text(json.dumps(config(folder, **more)))
    return run("check", "-c", file)


def delivery(id=None, realm="north"):
    id = id or sign.unique()
    body = json.dumps({"id": id, "type": "order.paid"}).encode()
    mac = base64.b64encode(hmac.new(SECRET.encode(), realm.encode() + b"|1764000000|" + body, hashlib.sha512).digest()).decode()
    return sign.Delivery("/hooks/acme", [("Content-Type", "application/json"), ("X-Acme-Time", "1764000000"), ("X-Acme", mac)], body,
                         id=id, signature=mac)


def test_a_plugin_in_a_running_gateway(folder, acme, stack, redis, db):
    acme()
    gateway = stack.gateway(redis, [ROUTE], provider_dir=str(folder / "providers"), plugin_dir=str(folder / "plugins"))
    good = delivery()
    assert gateway.deliver(good).outcome() == "accepted"
    assert gateway.deliver(good).outcome() == "duplicate"
    assert gateway.deliver(good.with_body(good.body.replace(b"paid", b"sent"))).outcome() == "signature_mismatch"
    assert gateway.deliver(delivery(realm="south")).outcome() == "signature_mismatch"
    assert gateway.deliver(good.replaced("X-Acme", None)).outcome() == "signature_missing"
    stored, = entries(db, "acme")
    assert stored["data"] == good.body and stored["id"].decode() == good.id and stored["type"] == b"order.paid"
    assert stored["covered"] == b"full" and stored["provider"] == b"acme"
    run("send", "-c", gateway.file, "--route", "acme", "--type", "order.sent").ok()
    assert entries(db, "acme")[1]["type"] == b"order.sent"
    # With another plugin of the same name in its place, a reload takes that one.
    old = folder / "plugins" / "acme.so"
    old.unlink()
    acme(ask="return PLUGIN_MALFORMED_BODY;")
    gateway.reload()
    assert gateway.deliver(delivery()).outcome() == "malformed_body"


def test_commands_know_it(folder, acme):
    acme()
    check(folder).ok()
    file = folder / "c.yaml"
    one, = [p for p in run("providers", "-c", file, "--json").ok().json() if p["name"] == "acme"]
    assert one["scheme"] == "plugin acme: hmac-sha512 base64 over {realm}|{time}|{body}"
    assert "options:\n      realm:" in run("providers", "-c", file, "acme").ok().out
    good = delivery()
    request = folder / "request"
    head = "POST /hooks/acme HTTP/1.1\nHost: x\n" + "".join(f"{n}: {v}\n" for n, v in good.headers) + "\n"
    request.write_bytes(head.encode() + good.body)
    assert run("verify", "-c", file, "--route", "acme", "--json", request).ok().json()["outcome"] == "accepted"
    request.write_bytes(head.encode() + good.body + b" ")
    refused = run("verify", "-c", file, "--route", "acme", request)
    assert refused.code == 1 and "signature_mismatch" in refused.out and "north|1764000000|" in refused.out


@pytest.mark.parametrize("changes, message", [
    ({"abi": "PLUGIN_ABI + 1"}, "version 4 of the plugin ABI, this gateway has 3"),
    # Nothing is looked at behind a wrong version, as it may mean anything.
    ({"abi": "0", "size": "1", "name": "0"}, "version 0 of the plugin ABI"),
    ({"size": "sizeof(struct plugin) + 8", "name": "0"}, "struct plugin has"),
    ({"name": '"other"'}, 'calls itself "other"'),
    ({"name": "0"}, "calls itself by no name"),
    ({"symbol": "plugin_acne"}, "has no symbol plugin_acme"),
    ({"file": "adyen.so", "symbol": "plugin_adyen", "name": '"adyen"'}, "adyen is built in already"),
    ({"file": "Acme.so"}, "is no name of a plugin"),
    ({"mode": 0o777}, "can be written by others than its owner"),
    ({"mode": 0o775}, "can be written by others than its owner"),
])
def test_a_wrong_plugin_is_refused(folder, acme, changes, message):
    built = acme(**changes)
    done = check(folder)
    assert done.code == 1
    line, = [text for text in done.err.splitlines() + done.out.splitlines() if str(built) in text]
    assert message in line
    # And what needs it says so at its own place.
    if changes.get("file") != "adyen.so":
        assert 'there is no plugin "acme"' in done.err + done.out


def test_no_object_at_all(folder, acme):
    acme().write_text("not an object")
    done = check(folder)
    assert done.code == 1 and "acme.so: cannot be loaded" in done.err + done.out


def test_a_symbolic_link_is_refused(folder, acme):
    built = acme()
    shutil.move(built, folder / "elsewhere.so")
    built.symlink_to(folder / "elsewhere.so")
    done = check(folder)
    assert done.code == 1 and "acme.so: is a symbolic link" in done.err + done.out


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_a_folder_that_others_can_write_to_is_refused(folder, acme, mode):
    acme()
    (folder / "plugins").chmod(mode)
    done = check(folder)
    said = done.err + done.out
    assert done.code == 1 and "can be written by others than its owner: its plugins are not loaded" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_somebody_else_is_refused(folder, acme):
    built = acme()
    os.chown(built, 12345, 12345)
    assert "belongs neither to root nor to the user that runs this" in check(folder).err
    os.chown(built, 0, 0)
    os.chown(folder / "plugins", 12345, 12345)
    assert "plugin_dir belongs neither to root" in check(folder).err


def test_no_folder(folder, acme):
    shutil.rmtree(folder / "plugins")
    assert "plugin_dir cannot be read" in check(folder).err


@pytest.mark.parametrize("options, message", [
    (None, "provider acme needs the option `realm`: the realm that Acme shows"),
    ({"realm": ["a", "b"]}, "must be one value"),
    ({"realm": "a", "strict": "perhaps"}, "options.strict"),
    ({"realm": "a", "relam": "b"}, "relam: provider acme has no such option; accepted: realm, strict"),
    ({"realm": ""}, "options.realm"),
])
def test_wrong_options(folder, acme, options, message):
    acme()
    route = {k: v for k, v in {**ROUTE, "options": options}.items() if v is not None}
    done = check(folder, routes=[route])
    assert done.code == 1 and message in done.err + done.out


@pytest.mark.parametrize("ask", [
    "host->mac(call, PLUGIN_SHA1, 7, 0, 0, &text);",
    "host->mac(call, PLUGIN_SHA1, 0, (struct plugin_bytes *)0, 3, &text);",
    "(void)host->header(call, 0, 0, 0);",
    "text.n = SIZE_MAX; (void)host->decode(call, PLUGIN_HEX, text, &text);",
    "(void)host->alloc(call, SIZE_MAX);",
    "(void)host->json(call, host->part(call, PLUGIN_BODY), \"no pointer\", 0);",
    "return (enum plugin_result)99;",
])
def test_a_plugin_that_asks_wrongly_fails_its_delivery_and_nothing_else(folder, acme, stack, redis, ask):
    acme(ask=ask)
    gateway = stack.gateway(redis, [ROUTE, "stripe"], provider_dir=str(folder / "providers"), plugin_dir=str(folder / "plugins"))
    assert gateway.deliver(delivery()).outcome() == "internal_error"
    from conftest import STRIPE
    assert gateway.deliver(sign.stripe(STRIPE)).outcome() == "accepted"


def test_a_plugin_of_ours_is_built_outside_as_well(folder, acme, include):
    """The same source, static or shared: under another name, as its own is taken."""
    acme()
    source = (harness.ROOT / "plugins" / "moralis.c").read_text()
    (folder / "m.c").write_text(source.replace("plugin_moralis", "plugin_own").replace('"moralis"', '"own"'))
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", f"-I{include}", "-o", str(folder / "plugins" / "own.so"),
                    str(folder / "m.c")], check=True)
    (folder / "plugins" / "own.so").chmod(0o755)
    check(folder).ok()


# ---- plugins that fetch ----


@pytest.fixture
def publisher(stack):
    publisher = test_keys.Publisher(stack.folder / "publisher")
    publisher._openssl("genrsa", "-out", "rsa", "2048")
    for file, name in [("cert", "messageverificationcerts.paypal.com"), ("sns", "sns.amazonaws.com")]:
        issue(publisher, file, name)
    yield publisher
    publisher.close()


def issue(publisher, file, name, end="20991231235959Z", alternative=None, ca="ca"):
    """A certificate FILE.pem of the provider's key, by the authority that is trusted or another."""
    more = ["-addext", f"subjectAltName={alternative}"] if alternative else []
    publisher._openssl("req", "-new", "-key", "rsa", "-out", f"{file}.csr", "-subj", f"/CN={name}", *more)
    publisher._openssl("ca", "-batch", "-config", "ca.cnf", "-cert", f"{ca}.pem", "-keyfile", f"{ca}.key", "-in", f"{file}.csr",
                       "-out", f"{file}.pem", "-startdate", "20200101000000Z", "-enddate", end, "-notext")


def rsa(publisher, text):
    return base64.b64encode(publisher._openssl("dgst", "-sha256", "-sign", "rsa", stdin=text)).decode()


def replaced(publisher, host):
    return {"ca_file": str(publisher.folder / "ca.pem"), "allow_private": "127.0.0.0/8",
            "replace": [{"host": host, "with": f"https://127.0.0.1:{publisher.port}"}]}


def paypal(publisher, url="https://api.paypal.com/file/cert.pem"):
    id = sign.unique("WH")
    body = json.dumps({"id": id, "event_type": "PAYMENT.SALE.COMPLETED"}).encode()
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    signature = rsa(publisher, f"t-1|{when}|w-1|{zlib.crc32(body)}".encode())
    headers = {"PAYPAL-AUTH-ALGO": "SHA256withRSA", "PAYPAL-CERT-URL": url, "PAYPAL-TRANSMISSION-ID": "t-1",
               "PAYPAL-TRANSMISSION-TIME": when, "PAYPAL-TRANSMISSION-SIG": signature}
    return sign.Delivery("/hooks/paypal", [("Content-Type", "application/json"), *headers.items()], body, id=id, signature=signature)


def test_paypals_certificate_is_fetched(stack, redis, db, publisher):
    route = {"name": "paypal", "path": "/hooks/paypal", "provider": "paypal", "options": {"webhook_id": "w-1"}}
    gateway = stack.gateway(redis, [route], key_fetch=replaced(publisher, "api.paypal.com"))
    first = paypal(publisher)
    assert gateway.deliver(first).outcome() == "accepted"
    assert gateway.deliver(paypal(publisher)).outcome() == "accepted"
    assert gateway.deliver(first.with_body(first.body + b" ")).outcome() == "signature_mismatch"
    assert publisher.asked("/file/cert.pem") == 1
    assert entries(db, "paypal")[0]["covered"] == b"partial"
    elsewhere = paypal(publisher, url="https://api.paypal.com.example.org/file/cert.pem")
    assert gateway.deliver(elsewhere).outcome() == "signature_mismatch"
    # Nothing is known of the sender where the certificate cannot be had: he is to come again.
    assert gateway.deliver(paypal(publisher, url="https://api.paypal.com/nothing")).status == 503


def certificates_of_others(publisher, pattern):
    """What is served at a right address and must not be believed, each with what the log says of it."""
    publisher._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "stranger.key",
                       "-out", "stranger.pem", "-days", "2", "-subj", "/CN=a stranger")
    issue(publisher, "old", pattern.format("old"), end="20200102000000Z")
    issue(publisher, "elsewhere", pattern.format("one") + ".example.org")
    issue(publisher, "alternative", pattern.format("two"), alternative="DNS:other.test")
    issue(publisher, "alone", pattern.format("three"), ca="stranger")
    texts = {name: (publisher.folder / f"{name}.pem").read_text() for name in ("cert", "alone", "stranger")}
    (publisher.folder / "chain.pem").write_text(texts["alone"] + texts["stranger"])
    (publisher.folder / "key.pem").write_bytes(publisher._openssl("rsa", "-in", "rsa", "-pubout"))
    (publisher.folder / "more.pem").write_text(texts["cert"] + (publisher.folder / "key.pem").read_text())
    return {"old": "not valid now", "elsewhere": "for another name", "alternative": "for another name", "alone": "issued by nobody",
            "chain": "issued by nobody", "key": "no certificate", "more": "no certificate"}


def test_paypals_certificate_must_be_paypals(stack, redis, db, publisher):
    route = {"name": "paypal", "path": "/hooks/paypal", "provider": "paypal", "options": {"webhook_id": "w-1"}}
    wrong = certificates_of_others(publisher, "{}.paypal.com")
    # What stands in the configuration is trusted because it stands there.
    pinned = {**route, "name": "pinned", "path": "/hooks/pinned", "secret": (publisher.folder / "old.pem").read_text()}
    gateway = stack.gateway(redis, [route, pinned], key_fetch=replaced(publisher, "api.paypal.com"))
    for file, why in wrong.items():
        delivery = paypal(publisher, url=f"https://api.paypal.com/file/{file}.pem")
        assert gateway.deliver(delivery).outcome() == "signature_mismatch", file
        wait_until(lambda: why in gateway.log_text(), f"the log to say of {file} that it is {why}")
    assert gateway.deliver(dataclasses.replace(paypal(publisher), target="/hooks/pinned")).outcome() == "accepted"
    assert len(entries(db, "paypal")) == 0


def test_amazons_certificate_must_be_amazons(stack, redis, db, publisher):
    route = {"name": "sns", "path": "/hooks/sns", "provider": "aws-sns",
             "options": {"topics": ["arn:aws:sns:us-east-1:123456789012:orders"]}}
    gateway = stack.gateway(redis, [route], key_fetch=replaced(publisher, "sns.us-east-1.amazonaws.com"))
    wrong = certificates_of_others(publisher, "sns.{}.amazonaws.com")
    # Amazon's file does not say who issued it: that it comes from Amazon's host is what counts.
    del wrong["alone"]
    for file, why in wrong.items():
        assert gateway.deliver(sns(publisher, certificate=file)).outcome() == "signature_mismatch", file
        wait_until(lambda: why in gateway.log_text(), f"the log to say of {file} that it is {why}")
    assert gateway.deliver(sns(publisher, certificate="alone")).outcome() == "accepted"
    assert len(entries(db, "sns")) == 1


def sns(publisher, type="Notification", certificate="sns", **more):
    host = "https://sns.us-east-1.amazonaws.com"
    message = {"Type": type, "MessageId": sign.unique(), "TopicArn": "arn:aws:sns:us-east-1:123456789012:orders", "Message": "hello",
               "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), **more}
    if type != "Notification":
        message |= {"Token": "t1", "SubscribeURL": host + "/file/public"}
    text = "".join(f"{name}\n{message[name]}\n" for name in sorted(message))
    signature = rsa(publisher, text.encode())
    message |= {"SignatureVersion": "2", "Signature": signature, "SigningCertURL": host + f"/file/{certificate}.pem"}
    return sign.Delivery("/hooks/sns", [("Content-Type", "text/plain; charset=UTF-8")], json.dumps(message).encode(),
                         id=message["MessageId"], signature=signature)


@pytest.mark.parametrize("confirm", [False, True])
def test_a_subscription_is_confirmed_where_the_route_says_so(stack, redis, db, publisher, confirm):
    options = {"topics": ["arn:aws:sns:us-east-1:123456789012:orders"], "confirm": "true" if confirm else "false"}
    route = {"name": "sns", "path": "/hooks/sns", "provider": "aws-sns", "options": options}
    gateway = stack.gateway(redis, [route], key_fetch=replaced(publisher, "sns.us-east-1.amazonaws.com"))
    good = sns(publisher)
    assert gateway.deliver(good).outcome() == "accepted"
    assert gateway.deliver(sns(publisher, TopicArn="arn:aws:sns:us-east-1:666666666666:orders")).outcome() == "signature_mismatch"
    wrong = sns(publisher, "SubscriptionConfirmation")
    assert gateway.deliver(wrong.with_body(wrong.body.replace(b"hello", b"hallo"))).outcome() == "signature_mismatch"
    answer = gateway.deliver(sns(publisher, "SubscriptionConfirmation"))
    assert (answer.status, answer.body) == (200, b"")
    if confirm:
        wait_until(lambda: publisher.asked("/file/public") == 1, "the subscription to be confirmed")
    else:
        assert publisher.asked("/file/public") == 0
    assert entries(db, "sns").ids() == [good.id]
