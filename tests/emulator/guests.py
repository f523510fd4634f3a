"""Guests that are started one after the other until their consoles have shown what they are to show."""
import os
import pathlib
import re
import select
import subprocess
import sys
import time

CPU = os.environ["CPU"]
DIR = pathlib.Path(os.environ["TEST_DIR"])
DEPS = pathlib.Path("build/deps")
LIMIT = 280                 # seconds for one guest
# Linux panics where ten ticks of the PIT do not come in about as much time, as on a busy machine.
QUIET = "quiet no_timer_check"


def make(name, *words):
    """A boot set with that guest, in DIR/name."""
    subprocess.run(["tools/mkbootset", DIR / name, "--name", name, *words], check=True)


def lines_of(text, prefix):
    """What a guest wrote to a port, without the prefixes that follow= puts before each line."""
    return "".join(line[len(prefix):] for line in re.findall(r"^%s.*" % re.escape(prefix), text, re.M))


def fail(name, text, why):
    sys.exit("%s\nFAIL: %s: %s" % (text, name, why))


def run(name, patterns, mem="512", off=False):
    """Boots it until each port in patterns, {prefix: texts}, has shown its texts in order; off: it must
    then switch itself off, and the host with it."""
    print("---", name, flush=True)
    process = subprocess.Popen(
        ["tools/run", "--cpu", CPU, "--smp", "1", "--mem", mem, "--bootset", DIR / name, "--timeout",
         str(LIMIT), "--append", "follow=all poweroff=last-guest"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wanted = {p: re.compile(".*?".join(map(re.escape, t)), re.S) for p, t in patterns.items()}
    text, end = "", time.monotonic() + LIMIT
    while True:
        missing = [p for p, t in wanted.items() if not t.search(lines_of(text, p))]
        if not missing and not off:
            break
        ready = select.select([process.stdout], [], [], max(0, end - time.monotonic()))[0]
        data = os.read(process.stdout.fileno(), 65536) if ready else b""
        if not data:
            break
        text += data.decode(errors="replace").replace("\r", "")
    if not off:
        process.terminate()
    status = process.wait()
    for port in missing:
        fail(name, text, "not all of %s by %s" % (patterns[port], port))
    if off and status:
        fail(name, text, "status %d" % status)
    for port, texts in patterns.items():
        print(port + re.search(re.escape(texts[0]) + r"[^\x1b\n^]*", text)[0].strip())
