"""A host in QEMU for tests that talk to it and to QEMU's monitor while it runs."""
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

DIR = pathlib.Path(os.environ["TEST_DIR"])
LIMIT = 100         # seconds for what is waited for
KEY_GAP = 0.02      # seconds between keys, for a receiver that holds few


class Host:
    """Boots with those words. What is expected of the console is looked for behind what was found last."""

    def __init__(self, words, *arguments, bootset=None):
        self.console, self.socket = DIR / "console", DIR / "monitor"
        if bootset is None:
            bootset = DIR / "empty"
            bootset.mkdir(exist_ok=True)
        for path in (self.console, self.socket):
            path.unlink(missing_ok=True)
        self.at = 0
        print("---", words, *arguments)
        with open(self.console, "wb") as out:
            self.process = subprocess.Popen(
                ["tools/run", "--cpu", "amd", "--bootset", str(bootset), "--timeout", "300",
                 "--append", words, "--monitor", str(self.socket), *arguments],
                stdin=subprocess.PIPE, stdout=out, stderr=out)

    def text(self):
        return re.sub("\r", "", self.console.read_text(errors="replace"))

    def fail(self, why):
        self.process.terminate()
        self.process.wait()
        sys.exit(f"{self.text()}\nFAIL: {why}")

    def expect(self, pattern):
        end = time.monotonic() + LIMIT
        while True:
            over = time.monotonic() > end or self.process.poll() is not None
            if found := re.compile(pattern, re.M).search(self.text(), self.at):
                self.at = found.end()
                return found
            if over:
                self.fail(f"no {pattern!r} behind {self.text()[:self.at][-80:]!r}")
            time.sleep(0.05)

    def never(self, pattern):
        if found := re.search(pattern, self.text(), re.M):
            self.fail(f"there is {found.group()!r}")

    def monitor(self, command):
        """Does a command of QEMU's human monitor, and returns what that says."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(LIMIT)
            s.connect(str(self.socket))
            text = ""
            for send in ("", command + "\n"):
                s.sendall(send.encode())
                while not text.endswith("(qemu) "):
                    text += s.recv(4096).decode(errors="replace")
                answer, text = text, ""
        return answer

    def type(self, line):
        for key in line + "\r":
            self.process.stdin.write(key.encode())
            self.process.stdin.flush()
            time.sleep(KEY_GAP)

    def end(self, status):
        """Waits for the end, which must be with that status of tools/run."""
        got = self.process.wait()
        print(self.text())
        if got != status:
            sys.exit(f"FAIL: status {got} instead of {status}")
