"""The command lines of all programs: help, man pages, completion and errors agree and are in good English.

The programs are asked themselves, by --generate and --help, so a new verb is tested as soon as it is in its table.
    pages_test.py PROGRAM=PAGES...      PAGES: comma-separated words of verbs that are installed as man pages
    pages_test.py --write-list FILE PROGRAM...
"""
import os
import re
import shutil
import subprocess
import sys
import unittest

BUILD = os.environ.get("STRATA_BUILD", "out/dev")
PROGRAMS = {}
# All words behind these are another program's, --help too.
RAW = (("strata", "java"),)


def run(program, *words, env=None):
    return subprocess.run([os.path.join(BUILD, program), *words], capture_output=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL, env=env)


def pages(program):
    """All pages of a program: [words of the verb]."""
    listed = run(program, "--generate", "man-pages").stdout.splitlines()
    return [line.split()[1:] for line in listed]


def shown_help(program, words):
    return run(program, "help", *words) if (program, *words) in RAW else run(program, *words, "--help")


def options(text):
    """The rows below Options: in a help text: (dashed names, description)."""
    rows = []
    inside = False
    for line in text.splitlines():
        if not line.startswith(" "):
            inside = line == "Options:"
        elif inside and re.match(r"  (-|    --)", line):
            names, _, rest = line.strip().partition("  ")
            rows.append([names, rest.strip()])
        elif inside and rows:
            rows[-1][1] = (rows[-1][1] + " " + line.strip()).strip()
    return rows


class Pages(unittest.TestCase):
    def every_page(self):
        for program in PROGRAMS:
            for words in pages(program):
                with self.subTest(page=" ".join([program, *words])):
                    yield program, words

    def test_installed_pages_are_those_of_the_table(self):
        for program, installed in PROGRAMS.items():
            self.assertEqual(sorted(" ".join(words) for words in pages(program) if words), sorted(installed))

    def test_help_is_in_full_sentences(self):
        for program, words in self.every_page():
            shown = shown_help(program, words)
            self.assertEqual((shown.returncode, shown.stderr), (0, ""))
            self.assertTrue(shown.stdout.startswith(f"Usage: {' '.join([program, *words])}"), shown.stdout[:80])
            summary = shown.stdout.split("\n\n")[1]
            self.assertRegex(summary, r"^[A-Z].*\.$", "summary")
            for names, text in options(shown.stdout):
                self.assertRegex(text, r"^[A-Z].*[.]$", names)
            for line in shown.stdout.splitlines():
                self.assertLessEqual(len(line), 84, line)

    def test_help_is_the_same_by_every_way(self):
        for program, words in self.every_page():
            self.assertEqual(run(program, "help", *words).stdout, shown_help(program, words).stdout)

    def test_man_pages_have_every_option_of_the_help(self):
        for program, words in self.every_page():
            page = run(program, "--generate", "man", *words).stdout.replace("\\-", "-")
            for names, _ in options(shown_help(program, words).stdout):
                long_name = re.search(r"--[a-z0-9-]+", names).group()
                self.assertIn(f"\\fB{long_name}\\fR", page)

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_man_pages_are_clean_roff(self):
        for program, words in self.every_page():
            page = run(program, "--generate", "man", *words).stdout
            lint = subprocess.run(["groff", "-ww", "-z", "-man", "-Tutf8"], input=page, capture_output=True, text=True,
                                  timeout=20)
            self.assertEqual(lint.stderr, "")

    def test_completion_knows_verbs_and_options(self):
        for program in PROGRAMS:
            script = run(program, "--generate", "bash-completion").stdout
            for words in pages(program):
                wanted = options(shown_help(program, words).stdout)
                line = " ".join([program, *words])
                asked = (f"{script}\nCOMP_WORDS=({line} --); COMP_CWORD={len(words) + 1}; "
                         f"_{program.replace('-', '_')}; echo \"${{COMPREPLY[@]}}\"")
                answer = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, timeout=20)
                self.assertEqual(answer.stderr, "", line)
                for names, _ in wanted:
                    self.assertIn(re.search(r"--[a-z0-9-]+", names).group(), answer.stdout.split(), line)

    def test_errors_are_one_line_and_a_hint(self):
        for program, words in self.every_page():
            if (program, *words) in RAW:
                continue
            wrong = run(program, *words, "--no-such-option")
            self.assertIn(wrong.returncode, (1, 125))
            self.assertEqual(wrong.stdout, "")
            lines = wrong.stderr.splitlines()
            self.assertEqual(len(lines), 2, wrong.stderr)
            self.assertIn("--no-such-option", lines[0])
            self.assertEqual(lines[1], f"See '{' '.join([program, *words])} --help'.")

    def test_the_list_in_the_documentation_is_this_one(self):
        path = os.path.join(os.environ.get("STRATA_SOURCE", "."), "docs/commands.md")
        with open(path, encoding="utf-8") as listing:
            self.assertEqual(listing.read(), command_list(sorted(PROGRAMS)), "make it again by --write-list")

    def test_version_is_told(self):
        for program in PROGRAMS:
            shown = run(program, "--version")
            self.assertEqual(shown.returncode, 0)
            self.assertRegex(shown.stdout, rf"^{program} (version )?\d+\.\d+")

    def test_output_to_a_full_disk_fails(self):
        for program in PROGRAMS:
            if not os.path.exists("/dev/full"):
                print("SKIPPED: there is no /dev/full")
                return
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([os.path.join(BUILD, program), "--help"], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=20)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(len(done.stderr.splitlines()), 1)


def command_list(programs):
    """docs/commands.md: every command with its summary."""
    text = ("# Commands\n\nMade from the option tables by `tests/cli/pages_test.py --write-list docs/commands.md "
            "PROGRAM...`.\nEach command has `--help`, each row of strata a man page of its own, strata-oci one for all.\n\n"
            "| command | what it does |\n|---|---|\n")
    for program in programs:
        for words in pages(program):
            summary = " ".join(shown_help(program, words).stdout.split("\n\n")[1].split())
            text += f"| `{' '.join([program, *words])}` | {summary} |\n"
    return text


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write-list"]:
        with open(sys.argv[2], "w", encoding="utf-8") as listing:
            listing.write(command_list(sys.argv[3:]))
        sys.exit(0)
    for argument in sys.argv[1:]:
        program_name, _, installed_pages = argument.partition("=")
        PROGRAMS[program_name] = [page for page in installed_pages.split(",") if page]
    if not PROGRAMS:
        print("SKIPPED: no program has an option table")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
