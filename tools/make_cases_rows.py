#!/usr/bin/env python3
"""Makes the table from which guest/cases writes instructions as bytes, from src/x86/x86_rows.def.

Usage: make_cases_rows.py ROWS OUTPUT

One struct cases_row for each row of the instruction table, by its number: how its bytes look. Rows in VEX encoding and
those of x87 and vector instructions have none (CASES_ROW_OTHER): user code can enter them, and tests/cpu/vector_differ
and tests/cpu/differ compare them with the host's CPU.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from make_x86_tables import read_rows  # noqa: E402


def only(row, field):
    """1 + the one value that the row wants of a field of the decoder's key, 0: any."""
    wanted = row.want.get(field)
    return 1 + min(wanted) if wanted and len(wanted) == 1 else 0


def line(row):
    if row.vex or row.attributes & {"FPU", "SIMD"}:
        return "{.flags = CASES_ROW_OTHER}"
    flags = []
    if row.opcode_reg:
        flags.append("CASES_ROW_REGISTER")
    if row.has_modrm:
        flags.append("CASES_ROW_MODRM")
    if row.fixed:
        flags.append("CASES_ROW_FIXED")
    if row.has_modrm and "reg" in row.want and not row.fixed:
        flags.append("CASES_ROW_DIGIT")
    prefix = "CASES_ANY_PREFIX"
    if row.pp is not None:
        prefix = str(row.pp)
    elif row.want.get("pp"):
        prefix = "CASES_NO_REP"
    return (f"{{.flags = {' | '.join(flags) or '0'}, .map = {row.map}, .prefix = {prefix}, .opcode = 0x{row.opcode:02x}, "
            f".modrm = 0x{row.modrm & (0xff if row.fixed else 0x38):02x}, .mod3 = {0 if row.any_mod else only(row, 'mod3')}, "
            f".only64 = {only(row, 'm64')}, .y64 = {only(row, 'y64')}, .osize = {only(row, 'osize')}, "
            f".asize = {only(row, 'asize')}, .rexb = {only(row, 'rexb')}}}")


def main():
    source, output = sys.argv[1:3]
    rows, _ = read_rows(source)
    with open(output, "w") as file:
        file.write("/* Made from x86_rows.def by tools/make_cases_rows.py. */\n#include \"cases/cases_rows.h\"\n\n"
                   "const struct cases_row cases_rows[] = {\n    {.flags = CASES_ROW_OTHER},\n")
        file.writelines(f"    {line(row)},\n" for row in rows)
        file.write("};\n")


if __name__ == "__main__":
    main()
