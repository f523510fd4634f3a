"""What booting from each medium takes: for tools/bench."""
import os
import shutil
import subprocess

from disk import menu

DOMAIN = """\
<domain type='plinth'><name>one</name><memory unit='MiB'>16</memory>
<os><type>hvm</type><loader type='flat'>hello.bin</loader></os>
<features><acpi/></features><devices><serial type='pty'/></devices></domain>
"""
# On QEMU a count of instructions ends soon after a host took to x2APIC mode.
WORDS = ["follow=all", "poweroff=last-guest", "loglevel=debug", "cpu.off=x2apic"]

# Medium, firmware, the test without its machine, whether Bochs boots it, how it is counted, and tools/run's options; {} is
# where the media are. CLOCK: by QEMU's and Bochs's clocks, which count instructions. PLUGIN: by a plugin of QEMU's, since
# OVMF does not get through while QEMU's clock counts, and networks have clocks of their own. None: OVMF waits.
CLOCK, PLUGIN = "clock", "plugin"
NET = ["--netdir", "{}/net"]
MEDIA = (
    ("`tools/mkiso`, as a CD", "BIOS", "media", True, CLOCK, ["--iso", "{}/plinth.iso"]),
    ("", "UEFI", "media", False, PLUGIN, ["--iso", "{}/plinth.iso", "--firmware", "uefi"]),
    ("the same, as a USB stick", "BIOS", "media", False, CLOCK, ["--iso", "{}/plinth.iso", "--usb"]),
    ("", "UEFI", "media", False, PLUGIN, ["--iso", "{}/plinth.iso", "--usb", "--firmware", "uefi"]),
    ("the same, as a disk", "BIOS", "media", True, CLOCK, ["--disk", "{}/image.disk"]),
    ("", "UEFI", "media", False, PLUGIN, ["--disk", "{}/image.disk", "--firmware", "uefi"]),
    ("`tools/install-disk`", "BIOS", "install-disk", True, CLOCK, ["--disk", "{}/slots.disk"]),
    ("", "UEFI", "install-disk", False, PLUGIN, ["--disk", "{}/slots.disk", "--firmware", "uefi"]),
    ("`tools/mkefi`, on an EFI system partition", "UEFI", "efi", False, PLUGIN, ["--esp", "{}/esp"]),
    ("`tools/mkiso --netdir`, PXE", "BIOS", "netboot", False, PLUGIN, [*NET, "--firmware", "pxe"]),
    ("`tools/mkefi --netdir`, PXE", "UEFI", "netboot", False, PLUGIN, NET),
    ("the same, PXE over IPv6", "UEFI", "netboot-long", False, PLUGIN, [*NET, "--ipv6"]),
    ("the same, HTTP boot", "UEFI", "netboot", False, PLUGIN, [*NET, "--http"]),
    ("the same, HTTP boot over IPv6", "UEFI", "netboot-long", False, None, None),
    ("`tools/mkefi --bootset`, HTTP boot", "UEFI", "netboot-long", False, PLUGIN, ["--netdir", "{}/http", "--http"]),
    ("`tools/grub-entry`, multiboot2", "BIOS", "grub-entry", True, CLOCK, ["--disk", "{}/plinth.disk"]),
    ("", "UEFI", "grub-entry", False, PLUGIN, ["--disk", "{}/plinth.disk", "--firmware", "uefi"]),
    ("`tools/grub-entry --efi`", "UEFI", "grub-entry", False, PLUGIN,
     ["--disk", "{}/plinth-efi.disk", "--firmware", "uefi"]),
)
MACHINES = (("amd", "QEMU"), ("intel", "Bochs"))
LIMIT = 300
MARKS = ("entered", "all is started")   # in debug lines of the log


def make_media(tools, run, guest, scratch):
    """Those that are counted, with a boot set of one bare guest."""
    bootset = scratch / "set"
    bootset.mkdir()
    (bootset / "one.xml").write_text(DOMAIN)
    shutil.copy(guest, bootset / "hello.bin")
    run(tools / "mkiso", bootset, scratch / "plinth.iso", *WORDS)
    shutil.copy(scratch / "plinth.iso", scratch / "image.disk")
    run(tools / "install-disk", "--size", 200, scratch / "slots.disk", bootset, *WORDS)
    for directory in ("net", "http", "esp/EFI/BOOT"):
        (scratch / directory).mkdir(parents=True)
    run(tools / "mkefi", "--netdir", bootset, scratch / "net", *WORDS)
    run(tools / "mkiso", "--netdir", bootset, scratch / "net", *WORDS)
    run(tools / "mkefi", "--bootset", bootset, scratch / "http/plinth.efi", *WORDS)
    shutil.copy(scratch / "http/plinth.efi", scratch / "esp/EFI/BOOT/BOOTX64.EFI")
    os.environ["PATH"] += ":/sbin:/usr/sbin"    # mke2fs
    for default in ("plinth", "plinth-efi"):
        menu.linux_disk(scratch / f"{default}.disk", tools.parent / "build/plinth.elf", bootset, WORDS, default, timeout=0)
    run("gcc", "-O2", "-shared", "-fPIC", "-o", scratch / "count.so", tools / "measure/count.c")


def by_clock(tools, run, find, cpu, options):
    text = run(tools / "run", "--timeout", LIMIT, "--cpu", cpu, "--smp", 1, "--icount", *options)
    return [int(find(f"boot: {mark}, the TSC is at (\\d+)", text)[1]) for mark in MARKS]


def by_plugin(tools, scratch, options):
    """What the plugin has counted when the lines are there; nothing, where one is not."""
    counter, text, counts = scratch / "counter", b"", []
    command = [tools / "run", "--timeout", str(LIMIT), "--smp", "1", *options, "--emu-arg=-plugin",
               f"--emu-arg=file={scratch}/count.so,out={counter}"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        while data := os.read(run.stdout.fileno(), 65536):
            text += data
            while len(counts) < len(MARKS) and f"boot: {MARKS[len(counts)]}, ".encode() in text:
                counts.append(int.from_bytes(counter.read_bytes(), "little"))
    if len(counts) < len(MARKS):
        raise RuntimeError(text.decode(errors="replace")[-2000:])
    return counts


def rows(tools, run, find, scratch):
    """(medium, firmware, machine, test, millions of instructions to Plinth and from there to its prompt)."""
    found, medium = [], ""
    for name, firmware, test, bochs, how, options in MEDIA:
        medium = name or medium
        for cpu, machine in MACHINES[:1 + bochs]:
            counted = ("-", "-")
            if how:
                placed = [option.format(scratch) for option in options]
                entered, started = (by_clock(tools, run, find, cpu, placed) if how == CLOCK else
                                    by_plugin(tools, scratch, placed))
                counted = (f"{entered / 1e6:.1f}", f"{(started - entered) / 1e6:.1f}")
                if how == PLUGIN:
                    counted = (f"~ {entered / 1e6:.0f}", f"~ {(started - entered) / 1e6:.0f}")
            found.append((medium, firmware, machine, f"`emulator/{test}@{cpu}`", *counted))
    return found
