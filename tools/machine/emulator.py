"""An emulator as a child process with the machine's console at hand; Qemu and Bochs are two of them."""
import ctypes
import os
import signal
import subprocess


class Emulator:
    """`output` and `input` are the ends of the console, `watched` further descriptors to wait for."""

    watched = ()

    def start(self, command, **streams):
        parent = os.getpid()
        self.process = subprocess.Popen(command, bufsize=0, start_new_session=True,
                                        preexec_fn=lambda: die_with(parent), **streams)

    def connect(self, console_input, console_output):
        self.input, self.output = console_input, console_output
        os.set_blocking(self.input, False)
        os.set_blocking(self.output, False)

    def read(self):
        """What the console printed: None when there is nothing yet, b"" at its end."""
        try:
            return os.read(self.output, 65536)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def events(self):
        """What became of the machine since the last call, of Qemu's events."""
        return []

    def end_by_reset(self):
        """The next reset is the last; Bochs goes on after each."""

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def die_with(parent):
    """In the child: be killed when the script dies, however it dies."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
