"""What the machine boots from: an ISO, a disk, the files of a TFTP server."""
import os
import shutil
import subprocess

from machine.shared import TOOLS, Usage, scratch_base


def make_iso(args, scratch):
    if args.iso:
        return args.iso
    mkiso(args, args.bootset, scratch / "plinth.iso")
    return scratch / "plinth.iso"


def mkiso(args, *words):
    append = [word for text in [*args.append, os.environ.get("PLINTH_APPEND", "")] for word in text.split()]
    env = dict(os.environ, PLINTH_ELF=str(args.elf), TMPDIR=str(scratch_base()))
    if subprocess.run([TOOLS / "mkiso", *words, *append], env=env,
                      stdin=subprocess.DEVNULL).returncode:
        raise Usage("no boot medium")


def make_esp(args, scratch):
    """The disk, made of a directory's files if it is none yet: a single FAT volume without partitions."""
    if not args.esp.is_dir():
        return args.esp
    if not shutil.which("mcopy"):
        raise Usage("no mtools: run tools/deps")
    disk = scratch / "esp.img"
    used = sum(file.stat().st_size // 4096 + 1 for file in args.esp.rglob("*")) * 4
    size = max(64 << 10, used * 5 // 4 + 2048)      # in KiB; FAT32 from 33 MiB on
    subprocess.run(["truncate", "-s", f"{size}K", disk], check=True)
    files = sorted(str(file) for file in args.esp.iterdir())
    for command in (["mformat", "-i", disk, "-F", "::"], ["mcopy", "-s", "-Q", "-i", disk, *files, "::"]):
        if subprocess.run(command, stdin=subprocess.DEVNULL).returncode:
            raise Usage(f"--esp: no disk can be made of {args.esp}")
    return disk
