"""Plinth on a disk: two slots, of which GRUB starts one, and what is noted of them (docs/install.md).

The notes are an environment block of GRUB's, the only file of a small file system. GRUB and tools/install-disk alike
write it where it is, and no other sector; what it says is all in its first one, so that a write of it happened
or did not.
"""
import os
import pathlib
import shutil
import subprocess

from disk import gpt, grub

SLOTS = ("a", "b")
NOTES = ("good", "trial", "tried", "failed")
STATE_SIZE = 1024       # bytes, which GRUB's load_env takes for the whole
SIGNATURE = b"# GRUB Environment Block\n"
ESP_MIB, SLOT_MIN = 64, 64
MODULES = ("normal configfile part_gpt fat multiboot2 serial terminal loadenv test regexp iorw echo true sleep "
           "reboot").split()


def partitions(size):
    """How a disk of that many bytes is parted: the slots get what is left. ValueError: too little."""
    slot = (size // gpt.MIB - ESP_MIB - 4) // 2
    if slot < SLOT_MIN:
        raise ValueError(f"at least {2 * SLOT_MIN + ESP_MIB + 4} MiB are needed")
    return gpt.lay_out([(gpt.BIOS_BOOT, "plinth grub", 1), (gpt.EFI_SYSTEM, "plinth esp", ESP_MIB),
                        (gpt.RESERVED, "plinth state", 1)] +
                       [(gpt.LINUX_DATA, f"plinth {name}", slot) for name in SLOTS])


def find(file):
    """The partitions by name, of a disk that was laid out so; else ValueError."""
    found = {partition.name.partition(" ")[2]: partition for partition in gpt.read(file) or []
             if partition.name.startswith("plinth ")}
    if not {"grub", "esp", "state", *SLOTS} <= set(found):
        raise ValueError("there is no Plinth on it")
    return found


def find_state(file, parts):
    """Where the block is, in bytes; ValueError: nowhere."""
    file.seek(parts["state"].offset)
    data = file.read(parts["state"].sectors * gpt.SECTOR)
    found = [at for at in range(0, len(data), gpt.SECTOR) if data.startswith(SIGNATURE, at)]
    if len(found) != 1:
        raise ValueError("what it notes of its slots is damaged")
    return parts["state"].offset + found[0]


def block(notes):
    return (SIGNATURE + b"".join(f"{name}={notes.get(name, '')}\n".encode() for name in NOTES)).ljust(STATE_SIZE, b"#")


def read_state(file, parts):
    """{note: value}; ValueError where there is no such block."""
    file.seek(find_state(file, parts))
    lines = (line.partition("=") for line in file.read(STATE_SIZE).decode("latin-1").split("\n"))
    return dict.fromkeys(NOTES, "") | {name: value for name, _, value in lines if name in NOTES}


def write_state(file, parts, **notes):
    file.seek(find_state(file, parts))
    file.write(block(notes))
    settle(file)


def create_state(target, parts, scratch, **notes):
    """Makes the file system with the block."""
    files = pathlib.Path(scratch) / "state"
    files.mkdir()
    (files / "grubenv").write_bytes(block(notes))
    fat(target, parts["state"], files, "-c", 2)     # one cluster, so that it lies in one piece


def settle(file):
    """What was written is on the disk, whoever wrote it."""
    file.flush()
    os.fsync(file.fileno())


def fat(target, partition, files, *kind):
    """Makes a partition a new FAT file system, FAT32 unless another kind is asked for, with a directory's files."""
    image = f"{target}@@{partition.offset}"
    for command in (["mformat", "-i", image, *(kind or ["-F"]), "-T", partition.sectors, "-h", 255, "-s", 63, "::"],
                    ["mcopy", "-s", "-Q", "-i", image, *sorted(files.iterdir()), "::"]):
        subprocess.run(list(map(str, command)), check=True, stdin=subprocess.DEVNULL)


# --- what GRUB reads -------------------------------------------------------------------------


def quote(word):
    return "'" + word.replace("'", "'\\''") + "'"


def files_of(bootset):
    """The paths in a boot set, in the order in which they are handed over."""
    return sorted((str(path.relative_to(bootset)) for path in bootset.rglob("*") if path.is_file()), key=os.fsencode)


def slot_cfg(paths, words):
    """Loads a slot's files from $place, with $words behind its own; sets ready when all were loaded."""
    lines = ["multiboot2 ($place)/plinth.elf " + " ".join([*map(quote, words), "$words"])]
    lines += [f'module2 "($place)/bootset/"{quote(path)} {quote(path)}' for path in paths]
    screen = any(",fb," in word.replace("=", ",") + "," for word in words if word.startswith("console="))
    lines.append("set gfxpayload=" + ("1024x768x32,1024x768,auto" if screen else "text"))
    text = "set all=yes\n"
    for line in lines:
        text += f"if {line}; then true; else set all=; fi\n"
    return text + "set ready=$all\n"


def fill_slot(target, partition, scratch, elf, bootset, words):
    """Writes a slot anew."""
    files = pathlib.Path(scratch) / "slot"
    shutil.copytree(bootset, files / "bootset")     # links become files
    shutil.copyfile(elf, files / "plinth.elf")
    (files / "slot.cfg").write_text(slot_cfg(files_of(files / "bootset"), words))
    (files / "cmdline").write_text(" ".join(words) + "\n")
    fat(target, partition, files)


def install_grub(file, target, parts, scratch, cmos):
    """The first sector, GRUB's own partition and the EFI system partition."""
    esp = pathlib.Path(scratch) / "esp"
    (esp / "EFI/BOOT").mkdir(parents=True)
    (esp / "boot/grub").mkdir(parents=True)
    config = (pathlib.Path(__file__).parent / "grub.cfg").read_text()
    byte, value = cmos
    (esp / "boot/grub/grub.cfg").write_text(config.replace("@BYTE@", f"{byte:#x}").replace("@VALUE@", f"{value:x}"))
    grub.image("x86_64-efi", esp / "EFI/BOOT/BOOTX64.EFI", "/boot/grub", MODULES + ["all_video"])
    core = grub.image("i386-pc", pathlib.Path(scratch) / "core.img", "(,gpt2)/boot/grub", MODULES + ["all_video"])
    fat(target, parts["esp"], esp)
    grub.write_bios(file, parts["grub"], core)
