#!/usr/bin/env python3
"""The machine's ACPI tables, read by ACPICA's compiler: they disassemble, and the DSDT's text compiles again without an
error or warning.

Usage: acpi.py ACPI_DUMP
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=60)
    return done.returncode, done.stdout


def check(dump, cpus):
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([dump, folder, str(cpus)], check=True, timeout=60)
        tables = sorted(os.path.basename(path) for path in glob.glob(f"{folder}/*.dat"))
        if tables != ["APIC.dat", "DSDT.dat", "FACP.dat", "HPET.dat", "MCFG.dat", "WAET.dat", "XSDT.dat"]:
            bad.append(f"{cpus} CPUs: tables {tables}")
        for table in tables:
            status, text = run(folder, "iasl", "-d", table)
            if status != 0 or re.search(r"(?i)error|warning|invalid|incorrect|unknown", text):
                bad.append(f"{cpus} CPUs: {table}: {text}")
        status, text = run(folder, "iasl", "-p", "again", "DSDT.dsl")
        if status != 0 or "0 Errors, 0 Warnings" not in text:
            bad.append(f"{cpus} CPUs: DSDT: {text}")
    return bad


def main():
    if shutil.which("iasl") is None:
        print("SKIPPED: iasl is not installed (./bootstrap install-packages)")
        sys.exit(77)
    bad = [line for cpus in (1, 4, 64) for line in check(os.path.abspath(sys.argv[1]), cpus)]
    print("\n".join(bad) if bad else "acpi: no complaint")
    sys.exit(1 if bad else 0)


main()
