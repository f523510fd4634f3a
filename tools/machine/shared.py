"""What the parts of tools/run share: where things are, the exit status, the error that a user can mend."""
import os
import pathlib

TOOLS = pathlib.Path(__file__).resolve().parent.parent
ROOT = TOOLS.parent
DEPS = ROOT / "build/deps"

PXE_IMAGE = "boot/grub/i386-pc/core.0"       # GRUB for PXE on BIOS, in a TFTP root of tools/mkiso's

EXIT_OFF, EXIT_PANIC, EXIT_USAGE, EXIT_OTHER, EXIT_TIMEOUT = 0, 1, 2, 3, 124


class Usage(Exception):
    """What was asked for makes no sense or cannot be had here."""


def first_file(candidates, package):
    for path in candidates:
        if os.path.exists(path):
            return path
    raise Usage(f"no {candidates[0]} (Debian package {package}): run tools/deps")


def scratch_base():
    return pathlib.Path(os.environ.get("TMPDIR") or "/tmp")
