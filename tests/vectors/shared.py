"""The vectors that were given for all providers (shared.json), put into the form that the program `vectors` runs:
python3 shared.py SHARED.json VECTORS PLUGINS

The vectors say what a gateway in general must think of them. What a route of ours needs besides (which of several texts is the secret,
options, another provider's name) stands in the tables below, and so does every verdict in which we differ on purpose, with the reason; one
that no longer differs fails."""

import json
import re
import subprocess
import sys
import tempfile

# Options of a route, of all the provider's vectors or of one.
OPTIONS = {
    "adobe-i-o-events": lambda v: {"client_id": v["secret"]["client_id"]},
    "atlassian-connect": lambda v: {"base_path": "/connect"},
    "datadog": lambda v: {"header": v["config"]["header"]},
    "google-pubsub": lambda v: {"email": v["key_material"]["email"], "audience": v["key_material"]["audience"]},
    "grafana-03": lambda v: {"timestamp_header": v["config"]["timestamp_header"]},
    "grafana-05": lambda v: {"timestamp_header": v["config"]["timestamp_header"]},
    "meta": lambda v: {"verify_token": "meatyhamhock"},
    "paypal": lambda v: {"webhook_id": v["secret"]["webhook_id"]},
    "pusher": lambda v: {"key": v["secrets"]["key"]},
}

# Where the vector has none, as nothing in it is signed, or where it says in words what it would be.
SECRETS = {
    "azure-eventgrid-01": "s3cret",
    "cloudevents-01": "not-looked-at",
    "miro-01": "not-looked-at",
    "monday-01": "not-looked-at",
    "monday-05": "not-looked-at",
    "okta-01": "not-looked-at",
    "trello-01": "not-looked-at",
}

# What `hookgate verify` says of it, and why that is right.
DIFFERS = {
    "stripe.3": ("timestamp_out_of_tolerance", "an hour in the future: who can have that signed can replay it then"),
    "messagebird.4": ("malformed_request", "an event that comes by GET has nothing to store: all of it stands in the address"),
    "monday-05": ("signature_missing", "a route that proves nothing says so: provider none"),
}

# Headers of an answer that are none of the room's business.
ANSWERS = {
    "twitch-05": ["content-length"],
}


def main():
    shared, binary, plugins = sys.argv[1:]
    vectors = json.load(open(shared, encoding="utf-8"))
    used = {v["id"] for v in vectors} | {v["provider"] for v in vectors}
    for table in (OPTIONS, SECRETS, DIFFERS, ANSWERS):
        assert not set(table) - used, f"no vector is called so: {set(table) - used}"
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write("vectors:\n" + "".join("- " + yaml(row(v)) + "\n" for v in vectors))
        file.flush()
        return subprocess.run([binary, plugins, file.name], check=False).returncode


def yaml(value):
    """JSON is YAML, but for what libyaml wants to have escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found.group()):04x}", text)


def of(table, v):
    return table.get(v["id"], table.get(v["provider"]))


def secrets(v):
    """All that could be the secret of a route."""
    if of(SECRETS, v):
        return [of(SECRETS, v)]
    given = v.get("secret") or v.get("secrets") or v.get("key_material")
    if given is None:
        return []
    if isinstance(given, str):
        return [given]
    if isinstance(given, list):
        return given
    if "username" in given:
        return [given["username"] + ":" + given["password"]]
    if "current" in given:
        return [given["current"], given["next"]]
    for name in ("secret", "shared_secret", "public_key_hex", "public_key_pem", "public_key", "cert_pem", "application_secret", "jwks"):
        if name in given:
            return [given[name] if isinstance(given[name], str) else json.dumps(given[name])]
    for name in ("public_keys_by_kid", "public_keys_by_path", "keys"):
        if name in given:
            return [key if isinstance(key, str) else key["key"] for key in given[name].values()]
    raise ValueError(given)


def base_of_url(v):
    url = v.get("public_url") or v.get("url") or "https://hooks.example.com"
    return "/".join(url.split("/")[:3])


def answer(v):
    given = v["expected_response"]
    headers = {name: value for name, value in given["headers"].items() if name not in (of(ANSWERS, v) or [])}
    out = {"status": given["status"], "body": given["body"], "headers": headers}
    if "content-type" in headers:
        out["content_type"] = headers.pop("content-type")
    return out


def row(v):
    expect = {"accept": "accepted", "reject": "refused", "challenge": "challenge"}[v["expect"]]
    out = {"name": f"{v['id']}: {v['reason']}", "provider": v["provider"], "now": v["now"], "method": v["method"], "target": v["path"],
           "public_url": base_of_url(v), "headers": v["headers"], "body_base64": v["body_base64"], "expect": expect,
           "secrets": [{"name": f"secret{i}", "value": text} for i, text in enumerate(secrets(v))]}
    if of(OPTIONS, v):
        out["options"] = of(OPTIONS, v)(v)
    if v["id"] in DIFFERS:
        out["expect"], out["differs"] = DIFFERS[v["id"]]
        assert out["expect"] != expect and (expect != "refused" or out["expect"] in ("accepted", "challenge")), f"{v['id']} differs in nothing"
    if "expected_response" in v:
        out["answer"] = answer(v)
    return out


if __name__ == "__main__":
    sys.exit(main())
