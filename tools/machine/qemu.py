"""QEMU: the machine with AMD's virtualization by TCG, and either maker's by KVM where that nests."""
import json
import os
import select
import shutil
import socket
import subprocess
import time

from machine import media
from machine.emulator import Emulator
from machine.netboot import NetBoot
from machine.shared import PXE_IMAGE, Usage, first_file

REGISTERS_GRACE = 20    # seconds for QEMU to show its CPUs

OVMF_CODE = ["/usr/share/OVMF/OVMF_CODE_4M.fd"]
OVMF_VARS = ["/usr/share/OVMF/OVMF_VARS_4M.fd"]
# With Secure Boot on, and the public half of Debian's test key as the only one that it trusts.
OVMF_SECURE_CODE = ["/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"]
OVMF_SECURE_VARS = ["/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd"]

# First word of a --nic option list that is a QEMU network backend, not an option of "user".
NETDEVS = {"user", "tap", "socket", "stream", "dgram", "bridge", "passt", "hubport", "vde"}


class Qemu(Emulator):
    """Its serial port is its standard input and output. The machine stands still when it is switched off or resets
    for the last time, so that a reset that nobody asked for, which is a triple fault, can be looked into."""

    def __init__(self, args, scratch, stderr, kvm):
        if not shutil.which("qemu-system-x86_64"):
            raise Usage("no qemu-system-x86_64: run tools/deps")
        self.control = Control()
        self.watched = [self.control.ours]
        net = NetBoot(args.netdir, "plinth.efi", args.http, 6 if args.ipv6 else 4) if args.http or args.ipv6 else None
        medium = net.arguments() if net else boot_medium(args, scratch)
        command = [
            *board(args, kvm), *firmware(args, scratch), *medium,
            *nvme_drives(args.nvme), *(word for n, spec in enumerate(args.nic) for word in nic(n, spec)),
            *args.emu_arg, *self.control.arguments(), "-no-shutdown"]
        if args.monitor:
            command += ["-monitor", f"unix:{escaped(args.monitor)},server=on,wait=off"]
        if args.resets == 0:
            command.append("-no-reboot")
        self.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                   pass_fds=[end.theirs.fileno() for end in (self.control, net) if end])
        self.control.theirs.close()
        self.connect(self.process.stdin.fileno(), self.process.stdout.fileno())

    def events(self):
        """"reset" for each that the machine went on after, "last reset" and "off" for its end, which QEMU's follows
        after finish()."""
        found = []
        for message in self.control.messages():
            data = message.get("data", {})
            if message.get("event") == "RESET" and data["guest"]:
                found.append("reset")
            elif message.get("event") == "SHUTDOWN":
                found.append("last reset" if data["reason"] == "guest-reset" else "off")
        return found

    def end_by_reset(self):
        self.control.ask("set-action", reboot="shutdown")

    def registers(self):
        return self.control.registers()

    def finish(self):
        self.control.ask("quit")


def board(args, kvm):
    model = args.cpu_model or ("host" if kvm else "max,+svm")
    # Several threads of its emulation, one for each CPU, are not safe beside SVM (docs/tools.md).
    tcg = "tcg,thread=" + ("multi" if args.parallel and not args.icount else "single")
    command = [
        "qemu-system-x86_64", "-machine", args.machine, "-accel", "kvm" if kvm else tcg, "-cpu", model,
        "-smp", str(args.smp), "-m", str(args.mem), "-nodefaults", "-display", "none",
        "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
    ]
    if args.icount:
        command += ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm"]
    return command


def firmware(args, scratch):
    if args.firmware != "uefi":
        return []
    code = first_file(OVMF_SECURE_CODE if args.secure_boot else OVMF_CODE, "ovmf")
    variables = shutil.copyfile(
        args.efi_vars or first_file(OVMF_SECURE_VARS if args.secure_boot else OVMF_VARS, "ovmf"), scratch / "vars.fd")
    command = []
    if args.secure_boot:
        # The firmware keeps its variables in system management mode, which alone may write them.
        command += ["-machine", "smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on"]
    return command + ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}",
                      "-drive", f"if=pflash,unit=1,format=raw,file={variables}"]


def boot_medium(args, scratch):
    if args.firmware == "pxe":
        if not args.netdir:
            media.mkiso(args, "--netdir", args.bootset, scratch / "tftp")
        return ["-netdev", f"user,id=boot,tftp={escaped(args.netdir or scratch / 'tftp')},bootfile=/{PXE_IMAGE}",
                "-device", "e1000e,netdev=boot,bootindex=0"]
    if args.netdir:
        # Without the option ROM: OVMF has a driver of its own for this one.
        return ["-netdev", f"user,id=boot,tftp={escaped(args.netdir)},bootfile=plinth.efi",
                "-device", "virtio-net-pci,netdev=boot,romfile=,bootindex=0"]
    if args.disk:
        drive, disk = f"format=raw,file={escaped(args.disk)}", True
    elif args.esp:
        drive, disk = f"format=raw,snapshot=on,file={escaped(media.make_esp(args, scratch))}", True
    else:
        drive, disk = f"format=raw,readonly=on,file={escaped(media.make_iso(args, scratch))}", False
    if args.usb:
        return ["-drive", f"if=none,id=boot,{drive}", "-device", "qemu-xhci,id=usb",
                "-device", "usb-storage,bus=usb.0,drive=boot,bootindex=0"]
    if disk:
        return ["-drive", f"if=none,id=boot,{drive}", "-device", "ide-hd,drive=boot,bootindex=0"]
    return ["-drive", f"if=none,id=boot,media=cdrom,{drive}", "-device", "ide-cd,drive=boot,bootindex=0"]


def nvme_drives(files):
    command = []
    for n, file in enumerate(files):
        if not os.path.exists(file):
            raise Usage(f"--nvme: no {file}")
        kind = "qcow2" if file.endswith(".qcow2") else "raw"
        command += ["-drive", f"if=none,id=nvme{n},format={kind},file={escaped(file)}",
                    "-device", f"nvme,serial=plinth{n},drive=nvme{n}"]
    return command


def nic(n, spec):
    model, _, options = spec.partition(",")
    if model == "none":
        return []
    if model == "user":
        model = "e1000e"
    backend, _, rest = options.partition(",")
    if backend not in NETDEVS:
        backend, rest = "user", options
    netdev = f"{backend},id=net{n}" + ("," + rest if rest else "")
    return ["-netdev", netdev, "-device", f"{model},netdev=net{n}"]


def escaped(path):
    """As a value in a list of QEMU's, which commas part."""
    return str(path).replace(",", ",,")


class Control:
    """QEMU's control socket, which speaks QMP."""

    def __init__(self):
        self.ours, self.theirs = socket.socketpair()
        self.text = b""
        self.ask("qmp_capabilities")

    def arguments(self):
        return ["-chardev", f"socket,id=control,fd={self.theirs.fileno()}",
                "-mon", "chardev=control,mode=control"]

    def ask(self, command, **arguments):
        """That an answer does not come, as QEMU has ended, is seen by who waits for it."""
        try:
            self.ours.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        except OSError:
            pass

    def messages(self):
        """Those that are whole by now; waits for nothing."""
        try:
            self.text += self.ours.recv(65536, socket.MSG_DONTWAIT)
        except OSError:
            pass
        *lines, self.text = self.text.split(b"\n")
        return [json.loads(line) for line in lines]

    def registers(self):
        """All CPUs', as text."""
        self.ask("human-monitor-command", **{"command-line": "info registers -a"})
        deadline = time.monotonic() + REGISTERS_GRACE
        while time.monotonic() < deadline:
            for message in self.messages():
                if isinstance(message.get("return"), str):
                    return message["return"].replace("\r", "")
            select.select([self.ours], [], [], 0.2)
        return "no answer\n"
