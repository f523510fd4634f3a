"""What tests of boot media share: a boot set with a bare guest, and runs that are judged by the console."""
import os
import pathlib
import re
import subprocess
import sys

CPU = os.environ["CPU"]
DIR = pathlib.Path(os.environ["TEST_DIR"])
WORDS = ["follow=all", "poweroff=last-guest"]
GUEST = pathlib.Path("build/tests/guest/hello.bin")
DOMAIN = """\
<domain type='plinth'>
  <name>one</name>
  <memory unit='MiB'>16</memory>
  <os><type>hvm</type><loader type='flat'>sub/hello.bin</loader></os>
  <features><acpi/></features>
  <devices><serial type='pty'/></devices>
</domain>
"""
# In this order on the console of a host that came up with the boot set.
CAME_UP = [r"\b2 files in the boot set", r"\[one\] hello from a guest", "domain one: powered off"]
failed = []


def write_bootset(directory):
    """One guest that says hello and powers off, in a subdirectory; the directory."""
    (directory / "sub").mkdir(parents=True)
    (directory / "one.xml").write_text(DOMAIN)
    (directory / "sub/hello.bin").write_bytes(GUEST.read_bytes())
    return directory


def tool(*words, **environment):
    """A tool that has to succeed."""
    subprocess.run([str(word) for word in words], check=True, stdin=subprocess.DEVNULL,
                   env=dict(os.environ, **environment))


def boot(name, *options, expect=(), never=None):
    """The run ends with status 0, and the patterns are on its console, one behind the other. The console."""
    return converse(name, *options, talk=[(pattern, None) for pattern in expect], never=never)


def converse(name, *options, talk, never=None):
    """The same with a user: talk is (pattern, keys), keys sent when the pattern is there. never is in no place."""
    return talk_to(name, ["tools/run", "--cpu", CPU, "--timeout", "150", *map(str, options)], talk, never)


def hear(stream, keyboard, talk):
    """Reads all of what a console prints, with the talk; and what is left of that."""
    text, at, left = "", 0, list(talk)
    while data := os.read(stream.fileno(), 65536):
        text += data.decode(errors="replace").replace("\r", "")
        while left and (found := re.compile(left[0][0]).search(text, at)):
            at = found.end()
            keys = left.pop(0)[1]
            if keys:
                os.write(keyboard.fileno(), keys.encode())
    return text, left


def talk_to(name, command, talk, never=None, cwd=None):
    """The same with any command."""
    wrong = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          cwd=cwd) as run:
        text, left = hear(run.stdout, run.stdin, talk)
    if run.returncode:
        wrong.append(f"it ended with status {run.returncode}")
    if left:
        wrong.append(f"no /{left[0][0]}/ on the console, or not behind the others")
    if never and re.search(never, text):
        wrong.append(f"/{never}/ on the console")
    if wrong:
        print(f"--- {name}\n{text}")
    failed.extend(f"{name}: {what}" for what in wrong)
    return text


def finish():
    """Ends the test."""
    for line in failed:
        print(line)
    sys.exit(bool(failed))
