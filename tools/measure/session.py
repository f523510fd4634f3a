"""A conversation with Plinth's console, for tools/bench and tests."""
import os
import pathlib
import re
import subprocess
import time

TOOLS = pathlib.Path(__file__).resolve().parent.parent
ROOT = TOOLS.parent
LIMIT = 300             # seconds for one run of an emulator


class Failed(Exception):
    """A figure could not be had."""


class Session:
    """tools/run with somebody at the console."""

    def __init__(self, *words, limit=LIMIT):
        self.process = subprocess.Popen([TOOLS / "run", *map(str, words)], cwd=ROOT, bufsize=0,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = ""
        self.seen = 0
        self.end = time.monotonic() + limit

    def expect(self, pattern):
        """Waits for the pattern in what came since the last one. Returns the match."""
        while True:
            found = re.compile(pattern).search(self.text, self.seen)
            if found:
                self.seen = found.end()
                return found
            data = self.process.stdout.read()
            if data:
                self.text += data.decode(errors="replace").replace("\r", "")
            elif data == b"" or time.monotonic() > self.end:
                raise Failed(f"no /{pattern}/ on the console:\n{self.text[-2000:]}")
            else:
                time.sleep(0.02)

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def domstats(self, name):
        """What `domstats` says of a domain: {figure: number}."""
        self.type("domstats " + name)
        # Lines of the log may come between.
        text = self.expect(rf"Domain: '{name}'\n((?:(?:  |\[).*\n)*)\n")[1]
        return {key: int(value) for key, value in re.findall(r"  (\S+)=(\d+)\n", text)}
