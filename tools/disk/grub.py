"""GRUB, put on a disk for BIOS and UEFI without its own installer, which wants to be root and a real disk."""
import pathlib
import struct
import subprocess

from disk.gpt import BOOT_CODE, SECTOR

LIBRARY = pathlib.Path("/usr/lib/grub")
# Fields of boot.img, the first sector's code: where the next stage is, and a jump that leaves the drive's number
# as the BIOS says it even if that is no hard disk's.
KERNEL_SECTOR, DRIVE_CHECK = 0x5c, 0x66
# Of diskboot.img, the second stage's first sector: the list of the sectors behind it, which is its last 12 bytes.
BLOCK_LIST = SECTOR - 12
LOAD_SEGMENT = 0x820
PLATFORM_MODULES = {"i386-pc": ["biosdisk"], "x86_64-efi": []}


def image(platform, out, prefix, modules):
    """GRUB with these modules in it; prefix is where it looks for grub.cfg."""
    subprocess.run(["grub-mkimage", "-O", platform, "-o", out, "-p", prefix, *PLATFORM_MODULES[platform], *modules],
                   check=True, stdin=subprocess.DEVNULL)
    return pathlib.Path(out).read_bytes()


def write_bios(file, partition, core):
    """Makes a disk boot by BIOS: core, an image for i386-pc, goes into that partition, and what loads it into the
    first sector. ValueError: it does not fit."""
    core = bytearray(core.ljust(-(-len(core) // SECTOR) * SECTOR, b"\0"))
    sectors = len(core) // SECTOR
    if sectors > partition.sectors:
        raise ValueError(f"GRUB has {len(core)} bytes: too many for its partition")
    struct.pack_into("<QHH", core, BLOCK_LIST, partition.start + 1, sectors - 1, LOAD_SEGMENT)
    code = bytearray((LIBRARY / "i386-pc/boot.img").read_bytes()[:BOOT_CODE])
    struct.pack_into("<Q", code, KERNEL_SECTOR, partition.start)
    code[DRIVE_CHECK:DRIVE_CHECK + 2] = b"\x90\x90"
    file.seek(partition.offset)
    file.write(core)
    file.seek(0)
    file.write(code)
