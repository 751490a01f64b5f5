#!/usr/bin/env python3
"""Writes the provider descriptions and the plugins as C tables: embed.py OUT.c DESCRIPTION.yaml ... PLUGIN.c ...

Of a plugin only its symbol is named: "plugin_" and the file's name, with "_" for "-". Of a description, only the text before the line "vectors:" goes into the program; the vectors are for the tests, and for people.
"""
import pathlib
import sys


def literal(data):
    """One C string literal per line of text: compilers limit the length of a single one, not of several in a row."""
    lines = []
    for line in data.splitlines(keepends=True):
        out = []
        for byte in line:
            if byte in b'"\\':
                out.append('\\' + chr(byte))
            elif byte == 0x0a:
                out.append('\\n')
            elif 0x20 <= byte < 0x7f and byte != 0x3f:
                out.append(chr(byte))
            else:
                out.append('\\%03o' % byte)
        lines.append('"' + ''.join(out) + '"')
    return '\n\t  '.join(lines) or '""'


def main(out, names):
    rows = []
    plugins = sorted(pathlib.Path(n).stem.replace('-', '_') for n in names if n.endswith('.c'))
    names = [n for n in names if n.endswith('.yaml')]
    for name in sorted(names, key=lambda n: pathlib.Path(n).name):
        kept = []
        for line in pathlib.Path(name).read_bytes().splitlines(keepends=True):
            if line.startswith(b'vectors:'):
                break
            kept.append(line)
        rows.append('\t{ "plugins/%s",\n\t  SLICE_LIT(%s) },\n' % (pathlib.Path(name).name, literal(b''.join(kept))))
    pathlib.Path(out).write_text(
        '/* Made by plugins/embed.py. */\n#include "trust/catalogue.h"\n#include "trust/plugin_load.h"\n\n'
        '#pragma GCC diagnostic ignored "-Woverlength-strings"\n'
        'const struct trust_builtin trust_builtins[] = {\n%s};\n'
        'const size_t trust_builtin_count = sizeof(trust_builtins) / sizeof(trust_builtins[0]);\n\n'
        '%sconst struct plugin *const trust_builtin_plugins[] = {\n%s};\n'
        'const size_t trust_builtin_plugin_count = sizeof(trust_builtin_plugins) / sizeof(trust_builtin_plugins[0]);\n'
        % (''.join(rows), ''.join('extern const struct plugin plugin_%s;\n' % p for p in plugins),
           ''.join('\t&plugin_%s,\n' % p for p in plugins)))


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
