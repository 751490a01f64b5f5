"""Includes point one way, and each third-party library is named in one room only (gateway/README.md)."""

import pytest
import tree

LIBRARIES = {"yaml.h": "config", "openssl/": "trust", "zlib.h": "trust", "hiredis/": "store", "microhttpd.h": "http", "curl/": "keys"}
SYSTEM = set("""
assert.h ctype.h dlfcn.h errno.h fcntl.h float.h getopt.h grp.h inttypes.h limits.h locale.h math.h netdb.h poll.h pthread.h pwd.h sched.h semaphore.h
signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h syslog.h
termios.h threads.h time.h unistd.h dirent.h spawn.h emmintrin.h immintrin.h wmmintrin.h
""".split())
SYSTEM_FOLDERS = ("sys/", "sanitizer/", "netinet/", "arpa/", "net/", "linux/")


def below(room):
    """The rooms that this one may include, itself included."""
    allowed = set()
    for floor in tree.FLOORS:
        if room in floor:
            return allowed | {room}
        allowed |= set(floor)
    raise AssertionError(f"gateway/{room} is no room that this test knows: add it to FLOORS in tests/house/tree.py")


def allowed_rooms(path):
    if path.startswith("plugins/"):
        return {"base", "trust"}
    if path == "gateway/main.c":
        return {"cli"}
    return below(tree.room_of(path))


def wrong_arrows(paths):
    wrong = []
    for path in paths:
        for line, kind, name in tree.includes(path):
            if kind != "quoted":
                continue
            room = name.split("/")[0] if "/" in name else None
            if room not in tree.ROOMS or name.startswith("../"):
                wrong.append(f'{path}:{line}: "{name}" does not begin with a room')
            elif room not in allowed_rooms(path):
                wrong.append(f'{path}:{line}: "{name}": {room} is not below {tree.room_of(path) or path}')
    return wrong


def test_arrows_point_one_way():
    wrong = wrong_arrows(tree.c_files("gateway", "plugins"))
    assert not wrong, "\n".join(wrong)


def test_included_headers_exist():
    wrong = []
    for path in tree.c_files("gateway", "plugins", "tests"):
        for line, kind, name in tree.includes(path):
            beside = (tree.ROOT / path).parent / name
            if kind == "quoted" and not (tree.ROOT / "gateway" / name).is_file() and not beside.is_file():
                wrong.append(f"{path}:{line}: {name}")
    assert not wrong, "\n".join(wrong)


def test_gateway_includes_no_tests_and_tests_no_sources():
    wrong = [f"{path}:{line}: {name}" for path in tree.c_files("gateway", "plugins", "tests")
             for line, _, name in tree.includes(path)
             if name.endswith(".c") or (not path.startswith("tests/") and name.startswith("tests/"))]
    assert not wrong, "\n".join(wrong)


def test_each_library_in_its_one_room():
    wrong = []
    for path in tree.c_files("gateway", "plugins"):
        for line, kind, name in tree.includes(path):
            if kind != "angled" or name in SYSTEM or name.startswith(SYSTEM_FOLDERS):
                continue
            rooms = [room for beginning, room in LIBRARIES.items() if name.startswith(beginning)]
            if not rooms:
                wrong.append(f"{path}:{line}: <{name}> is neither the system's nor one of the five libraries")
            elif tree.room_of(path) != rooms[0]:
                wrong.append(f"{path}:{line}: <{name}> belongs to {rooms[0]} only")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path, allowed, refused", [
    ("gateway/http/x.c", "intake", "consume"),
    ("gateway/trust/x.c", "config", "store"),
    ("gateway/store/x.c", "base", "trust"),
    ("gateway/trust/x.c", "keys", "store"),
    ("gateway/keys/x.c", "config", "trust"),
    ("gateway/tls/x.c", "config", "keys"),
    ("gateway/intake/x.c", "store", "http"),
    ("gateway/main.c", "cli", "http"),
    ("plugins/x.c", "trust", "store"),
])
def test_the_test_itself(path, allowed, refused):
    assert allowed in allowed_rooms(path) and refused not in allowed_rooms(path)
