"""A disk as an installed Linux has it: GRUB's modules and its menu on the root file system, with entries of
tools/grub-entry in it; and GRUB on the EFI system partition."""
import pathlib
import shutil
import subprocess
import tempfile

from disk import gpt, grub, slots

TOOLS = pathlib.Path(__file__).resolve().parent.parent
ROOT_MIB = 96
ESP_MIB = 64
# As grub-mkconfig begins it, with an entry of the Linux's own, which must not be what is booted.
MENU = """\
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set default={default}
set timeout_style=menu
set timeout={timeout}
menuentry 'Debian GNU/Linux' --id gnulinux-simple {{
	insmod ext2
	echo 'the wrong entry'
	halt
}}
"""


def tool(*words):
    subprocess.run([str(word) for word in words], check=True, stdin=subprocess.DEVNULL)


def entry(*words):
    return subprocess.run([str(word) for word in (TOOLS / "grub-entry", *words)], stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def modules(platform, directory):
    """As grub-install copies them."""
    directory.mkdir(parents=True)
    for file in (grub.LIBRARY / platform).iterdir():
        if file.suffix in (".mod", ".lst"):
            shutil.copyfile(file, directory / file.name)


def write_root(root, elf, bootset, words, default, timeout):
    for platform in ("i386-pc", "x86_64-efi"):
        modules(platform, root / "boot/grub" / platform)
    shutil.copytree(bootset, root / "boot/plinth/bootset")
    shutil.copyfile(elf, root / "boot/plinth/plinth.elf")
    (root / "boot/grub/grub.cfg").write_text(MENU.format(default=default, timeout=timeout) +
                                             entry(bootset, "/boot/plinth", *words) +
                                             entry("--efi", "/EFI/plinth/plinth.efi"))


def write_esp(esp, bootset, words):
    """GRUB in Debian's place and in everyone's, and the application."""
    for name in ("EFI/debian/grubx64.efi", "EFI/BOOT/BOOTX64.EFI"):
        (esp / name).parent.mkdir(parents=True)
        grub.image("x86_64-efi", esp / name, "(,gpt3)/boot/grub", ["part_gpt", "ext2"])
    (esp / "EFI/plinth").mkdir()
    tool(TOOLS / "mkefi", "--bootset", bootset, esp / "EFI/plinth/plinth.efi", *words)


def linux_disk(disk, elf, bootset, words, default, timeout=1):
    """Makes the image; default is "plinth", "plinth-efi" or the Linux's own entry. mke2fs has to be in PATH."""
    with tempfile.TemporaryDirectory(prefix="plinth-disk-") as name:
        scratch = pathlib.Path(name)
        write_root(scratch / "root", elf, bootset, words, default, timeout)
        write_esp(scratch / "esp", bootset, words)
        parts = gpt.lay_out([(gpt.BIOS_BOOT, "", 1), (gpt.EFI_SYSTEM, "", ESP_MIB), (gpt.LINUX_DATA, "", ROOT_MIB)])
        core = grub.image("i386-pc", scratch / "core.img", "(,gpt3)/boot/grub", ["part_gpt", "ext2"])
        tool("mke2fs", "-q", "-t", "ext4", "-d", scratch / "root", scratch / "root.img", f"{ROOT_MIB}M")
        with open(disk, "w+b") as file:
            size = (4 + ESP_MIB + ROOT_MIB) << 20
            file.truncate(size)
            gpt.write(file, size, parts)
            grub.write_bios(file, parts[0], core)
            file.seek(parts[2].offset)
            file.write((scratch / "root.img").read_bytes())
            slots.settle(file)
        slots.fat(disk, parts[1], scratch / "esp")
    return disk
