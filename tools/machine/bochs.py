"""Bochs: the machine with Intel's virtualization, where KVM does not nest it."""
import os
import pty
import subprocess
import tty

from machine import media
from machine.emulator import Emulator
from machine.shared import DEPS, Usage, first_file

MEM_MAX = 2048    # MiB of ours; what a larger machine has beyond it is in a file
BIOS = ["/usr/share/bochs/BIOS-bochs-latest"]
VGABIOS = ["/usr/share/vgabios/vgabios.bin", "/usr/share/bochs/VGABIOS-lgpl-latest",
           "/usr/share/vgabios/vgabios-stdvga.bin"]


class Bochs(Emulator):
    """Its serial port is a terminal's other side."""

    def __init__(self, args, scratch, stderr):
        program = DEPS / "bochs"
        if not program.exists():
            raise Usage("no build/deps/bochs: run tools/deps")
        refuse_options(args)
        self.lock = lock_of(args.disk)
        master, self.slave = pty.openpty()      # kept, so that reading does not fail before Bochs opens it
        tty.setraw(self.slave)
        lines = configuration(args, os.ttyname(self.slave)) + boot_medium(args, scratch)
        (scratch / "bochsrc").write_text("\n".join(lines + args.emu_arg) + "\n")
        self.start([str(program), "-q", "-f", str(scratch / "bochsrc")],
                   stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
        self.connect(master, master)

    def end(self):
        """Bochs leaves its note on a disk's image behind when it is ended."""
        super().end()
        if self.lock:
            self.lock.unlink(missing_ok=True)


def lock_of(disk):
    lock = disk and disk.with_name(disk.name + ".lock")
    if lock and lock.exists():
        raise Usage(f"--disk: another Bochs has {disk}: {lock} is there")
    return lock


def refuse_options(args):
    if args.firmware != "bios":
        raise Usage(f"--firmware {args.firmware} cannot be had with --cpu intel here: Bochs 3.0 "
                    "boots by BIOS, from CD and disk only, and this machine's KVM does not nest VMX")
    for option, given in (("--nvme", args.nvme), ("--usb", args.usb), ("--resets", args.resets),
                          ("--monitor", args.monitor)):
        if given:
            raise Usage(f"{option} cannot be had with --cpu intel here, which is Bochs")


def boot_medium(args, scratch):
    if args.disk:
        return [f"ata0-master: type=disk, mode=flat, path={args.disk}", "boot: disk"]
    return [f"ata0-master: type=cdrom, path={media.make_iso(args, scratch)}, status=inserted", "boot: cdrom"]


def configuration(args, console):
    """The lines of its bochsrc."""
    lines = [
        f"cpu: model={args.cpu_model or 'corei7_skylake_x'}, count=1:{args.smp}:1, quantum=16, "
        "ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=1"
        + (', exclude_features="rdrand,rdseed"' if args.icount else ""),
        f"memory: guest={args.mem}, host={min(args.mem, MEM_MAX)}",
        f"romimage: file={first_file(BIOS, 'bochsbios')}",
        f"vgaromimage: file={first_file(VGABIOS, 'vgabios')}",
        "pci: enabled=1, chipset=i440fx",
        "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14",
        "display_library: nogui",
        f"com1: enabled=1, mode=term, dev={console}",
        "clock: sync=none, time0=1700000000",
        "panic: action=fatal", "error: action=report", "info: action=ignore",
        "debug: action=ignore", "port_e9_hack: enabled=1", "log: -",
    ]
    for n, spec in enumerate(args.nic):
        if spec == "none":
            continue
        if n or spec not in ("user", "e1000"):
            raise Usage(f"--nic {spec} cannot be had with --cpu intel here: "
                        "Bochs has one e1000, on its user network")
        lines.append("e1000: card=0, enabled=1, mac=52:54:00:12:34:56, ethmod=slirp")
    return lines
