"""Makes the tables of Unicode's compatibility decomposition (NFKD) as C: nfkd.py OUTPUT

From the character database of the Python that builds. Hangul syllables are not in them: they are computed (nfkd.c)."""

import sys
import unicodedata

HANGUL = range(0xAC00, 0xD7A4)
SURROGATES = range(0xD800, 0xE000)


def main():
    pool, rows, classes = [], [], []
    for point in range(0x110000):
        if point in HANGUL or point in SURROGATES:
            continue
        parts = [ord(c) for c in unicodedata.normalize("NFKD", chr(point))]
        if parts != [point]:
            rows.append(f"\t{{ 0x{point:x}, {len(pool)}, {len(parts)} }},\n")
            pool += parts
        if unicodedata.combining(chr(point)):
            classes.append(f"\t{{ 0x{point:x}, {unicodedata.combining(chr(point))} }},\n")
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write(f"/* Made by nfkd.py, of Unicode {unicodedata.unidata_version}. */\n#include \"trust/nfkd_table.h\"\n\n")
        out.write("const struct trust_nfkd_row trust_nfkd_rows[] = {\n" + "".join(rows) + "};\n")
        out.write(f"const size_t trust_nfkd_row_count = {len(rows)};\n\n")
        out.write("const uint32_t trust_nfkd_points[] = {\n" + "".join(f"\t0x{point:x},\n" for point in pool) + "};\n\n")
        out.write("const struct trust_nfkd_class trust_nfkd_classes[] = {\n" + "".join(classes) + "};\n")
        out.write(f"const size_t trust_nfkd_class_count = {len(classes)};\n")


main()
