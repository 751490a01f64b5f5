"""The tree itself: what stands at the top, what the READMEs name, and what must not be written anywhere."""

import json
import os
import pathlib
import re
import subprocess

import pytest
import tree

TOP = {"gateway", "plugins", "tests", "conf", "scripts", "meson.build", "meson_options.txt", "README.md"}
ALL = tree.files(".")
TEXT = [p for p in ALL if not p.startswith("tests/fuzz/corpus/")]


def test_top_level():
    wrong = sorted({p.split("/")[0] for p in ALL if not p.startswith(".")} - TOP)
    assert not wrong, f"not one of the house's top-level names: {wrong}"


@pytest.mark.parametrize("folder", ["gateway", "plugins", "tests", "conf", "scripts"])
def test_folder_has_a_readme_that_names_what_is_in_it(folder):
    text = tree.read(f"{folder}/README.md")
    children = {p[len(folder) + 1:].split("/")[0] for p in ALL if p.startswith(folder + "/")}
    children -= {"README.md", "meson.build"}
    if folder == "plugins":
        # There is a file per provider: the README says how they are made, not which there are.
        children = set()
    wrong = sorted(c for c in children if not re.search(rf"(?<![\w-]){re.escape(c)}(?![\w-])", text))
    assert not wrong, f"{folder}/README.md does not name {wrong}"


def test_readmes_name_only_what_exists():
    """In a table's first column, `name.c`, `name.h` or `name/` is a file or folder beside the README."""
    wrong = []
    for path in (p for p in ALL if p.endswith("README.md")):
        folder = os.path.dirname(path)
        for number, line in enumerate(tree.read(path).split("\n"), 1):
            match = re.match(r"\|\s*`([\w./-]+(?:\.[ch]|/))`\s*\|", line)
            if match and not (tree.ROOT / folder / match.group(1)).exists():
                wrong.append(f"{path}:{number}: {match.group(1)}")
    assert not wrong, "\n".join(wrong)


def test_no_machine_is_named():
    """Paths of somebody's machine and hosts of package registries: what they name is not everybody's."""
    hosts = ["registry.npm" "js.org", "registry.yarn" "pkg.com", "deb.deb" "ian.org", "security.deb" "ian.org", "py" "pi.org",
             "files.python" "hosted.org", "deb.node" "source.com", "/wo" "rk/", "/ro" "ot/", "/ho" "me/", "/tmp/br" "ief"]
    pattern = re.compile("|".join(re.escape(h) for h in hosts))
    wrong = [f"{p}:{number}: {match.group(0)}" for p in TEXT
             for number, line in enumerate(tree.read(p).split("\n"), 1) for match in pattern.finditer(line)]
    assert not wrong, "\n".join(wrong)


def lock_files():
    return [p for p in ALL if os.path.basename(p) in ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml")]


def test_lock_files_carry_no_download_addresses():
    wrong = []
    for path in lock_files():
        text = tree.read(path)
        if re.search(r'"?resolved"?:? ', text) or "tarball:" in text:
            wrong.append(path)
        if path.endswith(".json"):
            packages = json.loads(text).get("packages", {})
            wrong += [f"{path}: {name}: no integrity" for name, p in packages.items()
                      if name and not p.get("link") and "integrity" not in p]
    assert not wrong, "\n".join(wrong)


def scripts():
    return [p for p in tree.files("scripts", ".ci", "tests") if tree.read(p).startswith("#!")]


def test_scripts_can_be_run_and_say_what_they_do():
    wrong = []
    for path in scripts():
        second = tree.read(path).split("\n")[1]
        if not os.access(tree.ROOT / path, os.X_OK):
            wrong.append(f"{path}: not executable")
        if not re.match(r'# \S|"""\S', second):
            wrong.append(f"{path}: its second line does not say what it does")
    assert not wrong, "\n".join(wrong)


def test_shell_scripts_stop_at_the_first_failure():
    wrong = [p for p in scripts() if re.match(r"#!.*\b(sh|bash)\b", tree.read(p)) and not re.search(r"^set -\w*e", tree.read(p), re.M)]
    assert not wrong, "\n".join(wrong)


def test_no_processes_are_ended_by_name():
    pattern = re.compile(r"\b(pk" r"ill|kill" r"all)\b")
    wrong = [f"{p}:{number}" for p in TEXT for number, line in enumerate(tree.read(p).split("\n"), 1) if pattern.search(line)]
    assert not wrong, "\n".join(wrong)


def test_the_table_of_providers_is_true():
    """plugins/README.md lists what the program knows, not what somebody has typed."""
    folder = pathlib.Path(os.environ.get("HOOKGATE_BUILD_DIR", tree.ROOT / "build/release"))
    done = subprocess.run([tree.ROOT / "scripts/providers-table", "--check", folder / "hookgate"], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
