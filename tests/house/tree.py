"""What the house tests look at: the files of the project as git sees them, new ones that are not yet added included."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# From the bottom up; a room may include what stands before it, but not its siblings on the same floor.
FLOORS = [["base"], ["config"], ["keys", "tls"], ["trust", "store", "journal"], ["intake"], ["http", "consume", "admin"], ["cli"]]
ROOMS = [room for floor in FLOORS for room in floor]


def files(*folders, suffix=""):
    """Paths relative to the root, sorted."""
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders],
                         cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode()
    paths = sorted(set(p for p in out.split("\0") if p and p.endswith(suffix)))
    return [p for p in paths if (ROOT / p).is_file()]


def c_files(*folders):
    return [p for p in files(*folders) if p.endswith((".c", ".h"))]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="surrogateescape")


def code(text):
    """The text with comments and the insides of strings blanked out, lines kept."""

    def blank(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        return token[0] + " " * (len(token) - 2) + token[-1]

    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, text, flags=re.S)


def includes(path):
    """(line number, "quoted" or <angled>, name)"""
    for number, line in enumerate(read(path).split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if match:
            yield number, "quoted" if match.group(1) == '"' else "angled", match.group(2)


def room_of(path):
    parts = pathlib.PurePath(path).parts
    return parts[1] if len(parts) > 2 and parts[0] == "gateway" else None
