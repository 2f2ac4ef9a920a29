"""What a case of torture.py is."""
import subprocess
import time

QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SETTLES = 3  # seconds until a container must be in the state that its command promised


def quietly(command, folder, env):
    """A command of the surroundings; when it hangs, what it should have done is found missing later."""
    try:
        subprocess.run(command, cwd=folder, env=env, timeout=20, **QUIET)
    except subprocess.TimeoutExpired:
        print(f"hangs: {' '.join(command)}", flush=True)


class Case:
    """One command. A failure may take max_lines lines of stderr; a silent command may fail without any. With tty, its
    standard input and output are a terminal. promise: the state that there must be after it has said that all is well;
    shows: what its output must hold then."""
    max_lines = 2  # the error and its hint
    status = 0
    silent = False
    says_on_output = False  # messages are looked for on standard output as well
    tty = False
    promise = None
    shows = None
    output = ""

    def __init__(self, program, name, command, folder, env, tag):
        self.program, self.name, self.command, self.folder, self.env, self.tag = program, name, command, folder, env, tag
        self.verbs = [()]
        self.before = set()

    def prepare(self):
        pass

    def clean(self):
        pass

    def left(self):
        return []

    def state_now(self):
        """The state of the container or instance, "gone" if there is none."""
        return None

    def half_made(self):
        """What a command that failed must not have left even before cleaning up."""
        return []

    def wrong(self, status):
        """What is wrong after the command, or None."""
        if status != self.status:
            half = self.half_made()
            return f"failed, yet there is {', '.join(half)}" if half else None
        if self.shows is not None and self.shows not in self.output:
            return f"said that all is well, yet does not show {self.shows}"
        if self.promise is None:
            return None
        end = time.monotonic() + SETTLES
        while True:
            state = self.state_now()
            if state == self.promise:
                return None
            if time.monotonic() > end:
                return f"said that all is well, yet it is {state}, not {self.promise}"
            time.sleep(0.02)
