"""What booting from each medium takes: for tools/bench."""
import shutil

DOMAIN = """\
<domain type='plinth'><name>one</name><memory unit='MiB'>16</memory>
<os><type>hvm</type><loader type='flat'>hello.bin</loader></os>
<features><acpi/></features><devices><serial type='pty'/></devices></domain>
"""
# On QEMU a count of instructions ends soon after a host took to x2APIC mode.
WORDS = ["follow=all", "poweroff=last-guest", "loglevel=debug", "cpu.off=x2apic"]

# Medium, firmware, the test without its machine, whether Bochs boots it, and tools/run's options; {} is where the media
# are. No options: nothing is counted, since OVMF does not get through while QEMU counts, and networks and menus wait.
MEDIA = (
    ("`tools/mkiso`, as a CD", "BIOS", "media", True, ["--iso", "{}/plinth.iso"]),
    ("", "UEFI", "media", False, None),
    ("the same, as a USB stick", "BIOS", "media", False, ["--iso", "{}/plinth.iso", "--usb"]),
    ("", "UEFI", "media", False, None),
    ("the same, as a disk", "BIOS", "media", True, ["--disk", "{}/image.disk"]),
    ("", "UEFI", "media", False, None),
    ("`tools/install-disk`", "BIOS", "install-disk", True, ["--disk", "{}/slots.disk"]),
    ("", "UEFI", "install-disk", False, None),
    ("`tools/mkefi`, on an EFI system partition", "UEFI", "efi", False, None),
    ("`tools/mkiso --netdir`, PXE", "BIOS", "netboot", False, None),
    ("`tools/mkefi --netdir`, PXE", "UEFI", "netboot", False, None),
    ("`tools/mkefi --bootset`, HTTP boot", "UEFI", "netboot", False, None),
    ("`tools/grub-entry`, multiboot2", "BIOS", "grub-entry", True, None),
    ("", "UEFI", "grub-entry", False, None),
    ("`tools/grub-entry --efi`", "UEFI", "grub-entry", False, None),
)
MACHINES = (("amd", "QEMU"), ("intel", "Bochs"))


def make_media(tools, run, guest, scratch):
    """Those that are counted, with a boot set of one bare guest."""
    bootset = scratch / "set"
    bootset.mkdir()
    (bootset / "one.xml").write_text(DOMAIN)
    shutil.copy(guest, bootset / "hello.bin")
    run(tools / "mkiso", bootset, scratch / "plinth.iso", *WORDS)
    shutil.copy(scratch / "plinth.iso", scratch / "image.disk")
    run(tools / "install-disk", "--size", 200, scratch / "slots.disk", bootset, *WORDS)


def rows(scratch, console, find):
    """(medium, firmware, machine, test, millions of instructions to Plinth and from there to its prompt)."""
    found, medium = [], ""
    for name, firmware, test, bochs, options in MEDIA:
        medium = name or medium
        for cpu, machine in MACHINES[:1 + bochs]:
            counted = ("-", "-")
            if options:
                text = console("--cpu", cpu, "--smp", 1, "--icount",
                               *(option.format(scratch) for option in options))
                entered, started = (int(find(f"boot: {what}, the TSC is at (\\d+)", text)[1])
                                    for what in ("entered", "all is started"))
                counted = (f"{entered / 1e6:.1f}", f"{(started - entered) / 1e6:.1f}")
            found.append((medium, firmware, machine, f"`emulator/{test}@{cpu}`", *counted))
    return found
