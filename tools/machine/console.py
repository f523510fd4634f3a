"""The console of a run: the user's keys, the machine's lines, and how the run ends."""
import os
import re
import select
import sys
import termios
import time
import tty

from machine.shared import EXIT_OFF, EXIT_OTHER, EXIT_PANIC, EXIT_TIMEOUT

PANIC_GRACE = 3         # seconds from the first line of a panic to the end
OFF_GRACE = 20          # seconds from the power-off line until the machine must be off
ESCAPE_KEY = 0x1c       # Ctrl-\; then x ends the run, Ctrl-\ sends one


class Judge:
    """Reads the console's lines and notes how the run is going to end."""

    CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[@-Z\\-_]|[\r\0]")
    LINE_MAX = 4096

    def __init__(self):
        self.line = b""
        self.restart()

    def restart(self):
        """The machine begins anew: what its life so far came to does not count."""
        self.verdict = None
        self.deadline = None
        self.reset_asked = False
        self.silent = True

    def feed(self, data):
        *lines, self.line = (self.line + data).split(b"\n")
        for line in lines:
            # The shell's row was erased before whatever else is printed on it.
            text = self.CONTROL.sub(b"", line.rpartition(b"\r\x1b[K")[2])
            self.silent = self.silent and not text.strip()
            if text.startswith(b"PANIC: ") and self.verdict != EXIT_PANIC:
                self.settle(EXIT_PANIC, PANIC_GRACE)
            elif text.startswith(b"plinth: powering off") and self.verdict is None:
                self.settle(EXIT_OFF, OFF_GRACE)
            elif text.startswith(b"plinth: resetting"):
                self.reset_asked = True
        self.line = self.line[-self.LINE_MAX:]

    def settle(self, verdict, grace):
        self.verdict = verdict
        self.deadline = time.monotonic() + grace


class Keyboard:
    """Standard input: raw while it is a terminal. Whatever it is, its end ends nothing."""

    def __init__(self):
        self.saved = None
        self.fd = 0
        self.escaped = False
        try:
            os.fstat(0)
        except OSError:
            self.fd = None
            return
        if os.isatty(0):
            self.saved = termios.tcgetattr(0)
            tty.setraw(0)

    def restore(self):
        if self.saved is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)

    def read(self):
        """What was typed, and whether the user asked to end the run."""
        try:
            data = os.read(self.fd, 4096)
        except OSError:
            data = b""
        if not data:
            self.fd = None
        if self.saved is None:
            return data, False
        out = bytearray()
        for byte in data:
            if self.escaped:
                self.escaped = False
                if byte in b"xX":
                    return bytes(out), True
                if byte != ESCAPE_KEY:
                    out.append(ESCAPE_KEY)
                out.append(byte)
            elif byte == ESCAPE_KEY:
                self.escaped = True
            else:
                out.append(byte)
        return bytes(out), False


class Console:
    """Moves bytes between the user and the emulator until the run is decided."""

    def __init__(self, emulator, keyboard, log, timeout, resets):
        self.emulator = emulator
        self.resets_left = resets
        self.keyboard = keyboard
        self.log = log
        self.judge = Judge()
        self.typed = b""
        self.deadline = time.monotonic() + timeout if timeout else None

    def run(self):
        """The exit status and, where it needs explaining, why."""
        emulator, judge = self.emulator, self.judge
        while True:
            now = time.monotonic()
            if judge.deadline is not None and now >= judge.deadline:
                if judge.verdict == EXIT_PANIC and self.resets_left == 0:
                    return EXIT_PANIC, None
                if judge.verdict == EXIT_PANIC:
                    judge.deadline = None       # until the reset that it said it would make, or the time-out
                    continue
                return EXIT_OTHER, f"still on {OFF_GRACE} s after it said it powers off"
            if self.deadline is not None and now >= self.deadline:
                return EXIT_TIMEOUT, "time-out"
            if self.step(now):
                return EXIT_OTHER, None
            if emulator.process.poll() is not None:
                self.drain()
                status = emulator.process.returncode
                if judge.verdict is not None:
                    return judge.verdict, None
                return EXIT_OTHER, f"the emulator ended without a power-off (status {status})"

    def step(self, now):
        """Wait for something and move it; whether the user asked to end."""
        emulator, keyboard = self.emulator, self.keyboard
        wait = min([0.2] + [d - now for d in (self.deadline, self.judge.deadline) if d])
        readers = [emulator.output, *emulator.watched]
        if keyboard.fd is not None and len(self.typed) < 4096:
            readers.append(keyboard.fd)
        ready, writable, _ = select.select(readers, [emulator.input] if self.typed else [], [],
                                           max(wait, 0))
        if writable:
            self.write_typed()
        if keyboard.fd in ready:
            data, quit_asked = keyboard.read()
            self.typed += data
            if quit_asked:
                return True
        for event in emulator.events():
            self.hear(event)
        if emulator.output in ready and not self.show(emulator.read()):
            time.sleep(0.05)    # its end is closed, the process is about to end
        return False

    def hear(self, event):
        """When the machine has come to its end, the emulator's follows."""
        self.drain()
        if event == "reset" and self.judge.silent:
            return      # SeaBIOS follows a reset with one of its own
        if event == "reset" and self.resets_left:
            self.judge.restart()
            self.resets_left -= 1
            return
        if event == "last reset" and not self.judge.reset_asked:
            print("\nrun: the machine reset itself:", self.emulator.registers(), sep="\n", file=sys.stderr)
        self.emulator.finish()

    def write_typed(self):
        try:
            self.typed = self.typed[os.write(self.emulator.input, self.typed):]
        except BlockingIOError:
            pass
        except OSError:
            self.typed = b""

    def show(self, data):
        """Whether there is more to come."""
        if data:
            silent = self.judge.silent
            self.judge.feed(data)
            if silent and not self.judge.silent and self.resets_left == 0:
                self.emulator.end_by_reset()
            if self.log:
                self.log.write(data)
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        return data != b""

    def drain(self):
        """Take what the ended emulator left; its last line may lack the newline."""
        end = time.monotonic() + 1
        while time.monotonic() < end:
            data = self.emulator.read()
            if not data:
                break
            self.show(data)
        self.judge.feed(b"\n")
