"""Fixtures: a Redis and gateways that end with the test, and are looked through when they do."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness

STRIPE = "whsec_scenario_stripe_secret"
GITHUB = "scenario github secret"
SLACK = "8f742231b10e8888scenarioslack"
STANDARD = "whsec_c2NlbmFyaW8gc3RhbmRhcmQgd2ViaG9va3Mgc2VjcmV0"
GENERIC = "scenario generic secret"
SHOPIFY = "hush_scenario_shopify"
ZOOM = "scenarioZoomSecretToken"

ROUTES = {
    "stripe": {"name": "stripe", "path": "/hooks/stripe", "provider": "stripe", "secret": STRIPE},
    "github": {"name": "github", "path": "/hooks/github", "provider": "github", "secret": GITHUB},
    "slack": {"name": "slack", "path": "/hooks/slack", "provider": "slack", "secret": SLACK},
    "standard": {"name": "standard", "path": "/hooks/standard", "provider": "standard-webhooks", "secret": STANDARD},
    "generic": {"name": "generic", "path": "/hooks/generic", "provider": "generic", "secret": GENERIC},
    "shopify": {"name": "shopify", "path": "/hooks/shopify", "provider": "shopify", "secret": SHOPIFY},
    "zoom": {"name": "zoom", "path": "/hooks/zoom", "provider": "zoom", "secret": ZOOM},
}


def route(like, /, **changes):
    """The route of that name, changed."""
    return {**ROUTES[like], **changes}


def knows_waitaof():
    """Redis from 7.2 on, Valkey."""
    text = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.search(r"v=(\d+)\.(\d+)", text).groups())) >= (7, 2)


def pytest_configure(config):
    config.addinivalue_line("markers", "tls(built): for builds that speak TLS to Redis, or for those that do not")
    config.addinivalue_line("markers", "builds(*names): the builds that a test is for; all of them where nothing is said")
    config.addinivalue_line("markers", "waitaof(known): is for a Redis that knows WAITAOF, or for one that does not")


def pytest_collection_modifyitems(config, items):
    """A test that is not for this build is left out, which is not the same as skipped: skipped tests fail in CI."""
    out = [item for item in items if (mark := item.get_closest_marker("builds")) and harness.BUILD not in mark.args]
    out += [item for item in items if (mark := item.get_closest_marker("tls")) and harness.speaks_tls() not in mark.args]
    if any(item.get_closest_marker("waitaof") for item in items):
        known = knows_waitaof()
        out += [item for item in items if (mark := item.get_closest_marker("waitaof")) and known not in mark.args]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


@pytest.fixture
def folder():
    """A short path: a unix socket's has at most 107 bytes."""
    path = tempfile.mkdtemp(prefix="hookgate-")
    yield pathlib.Path(path)
    shutil.rmtree(path, ignore_errors=True)


class Stack:
    """The processes of one test."""

    def __init__(self, folder):
        self.folder = folder
        self.parts = []
        self.count = 0

    def _folder(self, kind):
        self.count += 1
        return self.folder / f"{kind}{self.count}"

    def redis(self, **config):
        server = harness.Redis(self._folder("redis"), **config)
        self.parts.insert(0, server)
        return server

    def proxy(self, upstream):
        proxy = harness.Proxy(upstream)
        self.parts.append(proxy)
        return proxy

    def gateway(self, redis, routes=("stripe",), ready="ready", env=None, sockets=(), **config):
        """`redis`: a harness.Redis, a URL, or a dict; `routes`: names of ROUTES, or whole routes; `sockets`: as a supervisor
        hands them over."""
        if isinstance(redis, harness.Redis):
            redis = {"url": redis.url()}
        elif isinstance(redis, str):
            redis = {"url": redis}
        config = {"redis": redis, "workers": 2, "routes": [ROUTES[r] if isinstance(r, str) else r for r in routes], **config}
        gateway = harness.Gateway(self._folder("gateway"), config, ready=ready, env=env, sockets=sockets)
        self.parts.append(gateway)
        return gateway

    def close(self):
        problems = []
        for part in reversed(self.parts):
            try:
                part.close()
            except Exception as error:
                problems.append(error)
            if isinstance(part, harness.Gateway):
                print(f"---- {part.folder.name}: the end of its log ----\n{part.log_text()[-3000:]}")
        if problems:
            raise problems[0]


@pytest.fixture
def stack(folder):
    stack = Stack(folder)
    yield stack
    stack.close()


@pytest.fixture
def redis(stack):
    return stack.redis()


@pytest.fixture
def db(redis):
    return redis.client()


@pytest.fixture
def gateway(stack, redis):
    """One gateway with every provider's route."""
    return stack.gateway(redis, routes=list(ROUTES))


@pytest.fixture(scope="module")
def shared():
    """One gateway and Redis for a whole file of small cases: (gateway, db)."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="hookgate-"))
    stack = Stack(path)
    try:
        server = stack.redis()
        # Who waits for the rest of a broken request waits for this long.
        yield stack.gateway(server, routes=list(ROUTES), request_timeout="2s", idle_timeout="2s"), server.client()
        stack.close()
    finally:
        for part in stack.parts:
            if isinstance(part, harness.Process) and part.running():
                part.kill()
        shutil.rmtree(path, ignore_errors=True)
