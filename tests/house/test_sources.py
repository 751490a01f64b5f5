"""Sizes, names, headers and banned calls of the C sources."""

import os
import pathlib
import re
import subprocess

import pytest
import tree

FILE_LINES = 450
FUNCTION_LINES = 70
BANNED = ("strcpy strncpy strcat strncat sprintf vsprintf atoi atol atoll atof strtol strtoll strtoul strtoull strtod sscanf "
          "vsscanf gets strtok strtok_r").split()
BASE_UNITS = "slice arena buf num encode json clock loop message log reason".split()
COMMANDS = "serve check verify send consume providers journal status".split()
C_FILES = tree.c_files("gateway", "plugins")
HEADERS = [p for p in C_FILES if p.endswith(".h")]


def functions(text):
    """(first line of the body, lines) of each function: a brace in the first column to the next one."""
    begun = None
    for number, line in enumerate(text.split("\n"), 1):
        if line == "{":
            begun = number
        elif line.startswith("}") and begun:
            yield begun, number - begun + 1
            begun = None


def test_files_are_not_long():
    wrong = [f"{p}: {n} lines" for p in C_FILES if (n := tree.read(p).count("\n")) > FILE_LINES]
    assert not wrong, "\n".join(wrong)


def test_functions_are_not_long():
    wrong = [f"{p}:{line}: {n} lines" for p in C_FILES for line, n in functions(tree.read(p)) if n > FUNCTION_LINES]
    assert not wrong, "\n".join(wrong)


def test_banned_functions():
    pattern = re.compile(r"\b(" + "|".join(BANNED) + r")\s*\(")
    wrong = [f"{p}:{number}: {match.group(1)}" for p in C_FILES
             for number, line in enumerate(tree.code(tree.read(p)).split("\n"), 1) for match in pattern.finditer(line)]
    assert not wrong, "\n".join(wrong)


def test_no_marks_of_unfinished_work():
    wrong = [f"{p}:{number}: {line.strip()}" for p in tree.files("gateway", "plugins", "tests", "scripts", "conf")
             for number, line in enumerate(tree.read(p).split("\n"), 1)
             if re.search(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", line)]
    assert not wrong, "\n".join(wrong)


def test_every_file_begins_with_what_it_is():
    wrong = [p for p in C_FILES if not tree.read(p).startswith("/* ")]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", [path for path in HEADERS if path.startswith("gateway/")])
def test_header_has_its_guard(path):
    guard = "HOOKGATE_" + re.sub(r"[^A-Z0-9]", "_", path[len("gateway/"):].upper())
    assert f"#ifndef {guard}\n#define {guard}\n" in tree.read(path)


@pytest.mark.parametrize("path", HEADERS)
def test_header_compiles_alone(path, tmp_path):
    one = tmp_path / "one.c"
    # Twice, so that the guard is tried too; a file may not be empty.
    one.write_text(f'#include "{tree.ROOT / path}"\n#include "{tree.ROOT / path}"\ntypedef int not_empty;\n')
    done = subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", f"-I{tree.ROOT / 'gateway'}",
                           "-fsyntax-only", str(one)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()


def prefixes(member):
    """Which prefixes the public symbols of an object in libhookgate.a may have, from its name
    ("gateway_base_slice.c.o", "meson-generated_.._plugins_builtin.c.o"). In base/ the unit's name is the prefix; in cli/ the
    subcommand's may be, for what the files of one subcommand share."""
    if "gateway_trust_tls.c" in member:
        return ["tls"]  # it fulfils that room's header
    match = re.search(r"gateway_([a-z]+)_", member)
    if match and match.group(1) in tree.ROOMS:
        room = match.group(1)
        return BASE_UNITS if room == "base" else ["cli", *COMMANDS] if room == "cli" else [room]
    return ["trust", "plugin"]


def public_symbols():
    folder = pathlib.Path(os.environ.get("HOOKGATE_BUILD_DIR", tree.ROOT / "build/release"))
    library = folder / "libhookgate.a"
    assert library.is_file(), f"{library} is not built: scripts/build"
    out = subprocess.run(["nm", "-A", "--defined-only", "--extern-only", str(library)], check=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL).stdout.decode()
    for line in out.splitlines():
        place, _, rest = line.rpartition(":")
        yield place.split(":")[-1], rest.split()[-1]


def test_public_symbols_carry_their_rooms_prefix():
    symbols = list(public_symbols())
    assert len(symbols) > 50
    wrong = [f"{member}: {symbol}" for member, symbol in symbols
             if not any(symbol.startswith(prefix + "_") for prefix in prefixes(member))]
    assert not wrong, "\n".join(wrong)


def test_every_source_is_built():
    """A file that no meson.build names is dead."""
    wrong = []
    for path in tree.files("gateway", "plugins", "tests/unit", "tests/vectors", "tests/fuzz", suffix=".c"):
        if path == "gateway/main.c":
            continue
        folder, name = os.path.split(path)
        build = tree.read(folder + "/meson.build") if (tree.ROOT / folder / "meson.build").is_file() else ""
        quoted = re.findall(r"'([^']+)'", build)
        if name not in quoted and name[:-2] not in quoted and not any(name in q for q in quoted):
            wrong.append(path)
    assert not wrong, "\n".join(wrong)
