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


def boot(name, *options, expect=(), status=0):
    """The run ends with the status, and the patterns are on its console, one behind the other. The console."""
    done = subprocess.run(["tools/run", "--cpu", CPU, "--timeout", "150", *map(str, options)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace")
    wrong = [] if done.returncode == status else [f"tools/run ended with {done.returncode}"]
    at = 0
    for pattern in expect:
        found = re.compile(pattern).search(done.stdout, at)
        if not found:
            wrong.append(f"no /{pattern}/ on the console, or not behind the others")
            break
        at = found.end()
    if wrong:
        print(f"--- {name}\n{done.stdout}")
    failed.extend(f"{name}: {what}" for what in wrong)
    return done.stdout


def finish():
    """Ends the test."""
    for line in failed:
        print(line)
    sys.exit(bool(failed))
