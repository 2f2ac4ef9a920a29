"""The commands that torture.py tries: all of them, and whether any is missing."""
import os
import re
import subprocess

import torture_cases_oci
import torture_cases_strata
import torture_machine

# The other name of a verb in a group.
SHORT_FORMS = {"images": "ls", "rmi": "rm", **{verb: verb for verb in ("history", "import", "load", "save", "tag")}}


def all_cases(build, work):
    """Of both programs, as far as they are built. Each case has a command, what must be there before it, and how a user
    cleans up after it."""
    cases = []
    for program, maker in (("strata-oci", torture_cases_oci.Oci), ("strata", torture_cases_strata.Strata)):
        if os.path.exists(os.path.join(build, program)):
            made = maker(build, work)
            cases += made.cases()
            if program == "strata" and os.path.exists(os.path.join(build, "strata-vm")):
                cases += torture_machine.machine_cases(made)
    return cases


def verbs_of(exe, group=()):
    """The verbs that --help tells of, each as a tuple of words; a group's are told instead of the group."""
    text = subprocess.run([exe, *group, "--help"], capture_output=True, text=True, check=True).stdout
    section = re.search(r"^Commands:\n(.*?)(?:\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    for verb in re.findall(r"^  (\S+)", section.group(1), re.MULTILINE) if section else ():
        below = list(verbs_of(exe, (*group, verb))) if not group else []
        yield from below or [(*group, verb)]


# A debugger is at work there for as long as somebody debugs: tests/vmm tries it.
WITHOUT_CASES = (("vm", "gdb"),)


def missing(build, cases):
    """Verbs of the programs that these cases are of which no case tries."""
    machines = os.path.exists(os.path.join(build, "strata-vm"))
    for program in {case.program for case in cases}:
        tried = {verb for case in cases if case.program == program for verb in case.verbs}
        for verb in verbs_of(os.path.join(build, program)):
            if verb in WITHOUT_CASES or (verb[0] == "vm" and not machines):
                continue
            if verb not in tried and ("image", SHORT_FORMS.get(verb[0])) not in tried:
                yield f"{program} {' '.join(verb)}"
