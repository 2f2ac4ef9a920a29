#!/usr/bin/env python3
"""The checkers find what they are there for: each rule is broken once in a small tree of its own.

Usage: checkers_test.py [-v]
"""
import os
import subprocess
import sys
import tempfile
import unittest

TOOLS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tools")
LAYERS = """
base  bare st_
os    host os_  base
net   host net_ base os | jansson
cmd/* host -    (anything above)
"""


class Checkers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="strata-check-")
        self.root = self.folder.name
        self.addCleanup(self.folder.cleanup)
        self.write("layers.txt", LAYERS)
        self.write("src/base/str.h", "/* Strings. */\n#pragma once\n")

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def run_check(self, name, *args):
        env = {k: v for k, v in os.environ.items() if k != "STRATA_BUILD"}
        done = subprocess.run([sys.executable, os.path.join(TOOLS, f"check_{name}.py"), *(args or [self.root])],
                              capture_output=True, text=True, env=env)
        if done.returncode == 77:
            self.skipTest(done.stdout.strip())
        return done.returncode, done.stdout + done.stderr

    def finds(self, name, rule, *args):
        code, out = self.run_check(name, *args)
        self.assertIn(f" {rule}: ", out)
        self.assertEqual(code, 1)

    def archive(self, module, text):
        self.write(f"src/{module}/x.c", text)
        base = os.path.join(self.root, module)
        subprocess.run(["cc", "-c", "-fno-common", f"{self.root}/src/{module}/x.c", "-o", base + ".o"], check=True)
        subprocess.run(["ar", "rcs", base + ".a", base + ".o"], check=True)
        return ["--globals", "--archive", f"{module}={base}.a"]

    def test_a_clean_tree_passes(self):
        self.write("src/net/port.c", '/* Ports. */\n#include "base/str.h"\n')
        for name in ("layers", "style", "words"):
            code, out = self.run_check(name)
            self.assertEqual(code, 0, out)

    def test_layers_finds_an_include_of_a_module_above(self):
        self.write("src/net/port.h", "/* Ports. */\n#pragma once\n")
        self.write("src/os/file.c", '/* Files. */\n#include "net/port.h"\n')
        self.finds("layers", "layer")

    def test_layers_finds_a_libc_header_in_a_bare_module(self):
        self.write("src/base/str.c", "/* Strings. */\n#include <stdio.h>\n")
        self.finds("layers", "bare")

    def test_layers_finds_a_private_header_used_by_a_program(self):
        self.write("src/net/port_priv.h", "/* Ports. */\n#pragma once\n")
        self.write("cmd/x/x.c", '/* X. */\n#include "net/port_priv.h"\n')
        self.finds("layers", "private")

    def test_layers_finds_a_cycle(self):
        self.write("layers.txt", "a host a_ b\nb host b_ a\n")
        self.finds("layers", "cycle")

    def test_layers_finds_a_symbol_without_the_prefix(self):
        self.finds("layers", "prefix", self.root, *self.archive("net", "int wrong_name(void){return 1;}\n"))

    def test_layers_finds_mutable_data_in_a_bare_module(self):
        self.finds("layers", "global", self.root, *self.archive("base", "int st_count = 3;\n"))

    def test_layers_finds_a_system_call_outside_os(self):
        self.finds("layers", "door", self.root,
                   *self.archive("net", "int close(int);int net_x(void){return close(1);}\n"))

    def test_style_finds_each_rule_broken(self):
        self.write("src/net/a.c", "/* A. */\nint x(void) { exit(1); }\n")
        self.finds("style", "banned")
        self.write("src/net/b.c", "int x;\n")
        self.finds("style", "opening")
        self.write("src/net/c.h", "/* C. */\n")
        self.finds("style", "guard")
        self.write("src/net/d.c", "/* D. */\n// TO" "DO\n")
        self.finds("style", "marker")
        self.write("src/net/e.c", "/* E. */\n" + "\n" * 1300)
        self.finds("style", "long")
        self.write("src/os/a.c", "/* A. */\n")
        self.finds("style", "name")

    def test_style_allows_a_banned_name_in_a_comment_and_in_a_program(self):
        self.write("src/net/a.c", '/* Not strcpy(). */\nconst char *x = "strcpy()";\n')
        self.write("cmd/x/x.c", "/* X. */\nvoid x(void)\n{\n    exit(1);\n}\n")
        code, out = self.run_check("style")
        self.assertEqual(code, 0, out)

    def test_words_finds_the_folder_of_the_sources(self):
        self.write("docs/x.md", f"see {os.path.realpath(self.root)}/x\n")
        self.finds("words", "words")

    def test_complexity_finds_a_long_and_a_branchy_function(self):
        self.write("src/net/a.c", "int f(int x)\n{\n" + "    x++;\n" * 120 + "    return x;\n}\n")
        self.finds("complexity", "complexity")
        self.write("src/net/a.c", "int f(int x)\n{\n" + "    if (x) { x++; }\n" * 30 + "    return x;\n}\n")
        self.finds("complexity", "complexity")

    def test_complexity_allows_one_dispatch_switch(self):
        cases = "".join(f"    case {n}:\n        return {n};\n" for n in range(60))
        self.write("src/net/a.c", "int f(int x)\n{\n    switch (x) {\n" + cases + "    }\n    return 0;\n}\n")
        code, out = self.run_check("complexity")
        self.assertEqual(code, 0, out)

    def test_headers_finds_one_that_does_not_compile_alone(self):
        self.write("src/net/a.h", "/* A. */\n#pragma once\nuint32_t net_x(void);\n")
        self.finds("headers", "header", self.root, "cc")

    def test_hardening_finds_a_plain_program(self):
        self.write("x.c", "int main(void){return 0;}\n")
        exe = os.path.join(self.root, "x")
        subprocess.run(["cc", "-no-pie", "-Wl,-z,norelro", "-Wl,-z,lazy", os.path.join(self.root, "x.c"), "-o", exe],
                       check=True)
        for rule in ("pie", "relro", "canary"):
            self.finds("hardening", rule, exe)

    def test_libraries_finds_one_that_no_row_names(self):
        self.write("x.c", "int main(void){return 0;}\n")
        exe = os.path.join(self.root, "x")
        subprocess.run(["cc", os.path.join(self.root, "x.c"), "-o", exe, "-Wl,--no-as-needed", "-lresolv"], check=True)
        self.finds("libraries", "library", f"{self.root}/layers.txt", f"{exe}=net")
        self.finds("libraries", "library", f"{self.root}/layers.txt", f"{exe}=net:static")


if __name__ == "__main__":
    unittest.main()
