#!/usr/bin/python3
"""names.py NM LIBRARY: a row for each function that a libjvm.so exports, but for the one that creates the machine."""
import subprocess
import sys

symbols = subprocess.run([sys.argv[1], "-D", "--defined-only", sys.argv[2]], capture_output=True, text=True, check=True).stdout
functions = sorted(words[2].split("@")[0] for words in map(str.split, symbols.splitlines()) if words[1] == "T")
functions.remove("JNI_CreateJavaVM")
print("/* The functions of libjvm.so, with the numbers that a record of calls has. */")
for number, name in enumerate(functions):
    print(f"NAME({number}, {name})")
