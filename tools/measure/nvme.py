"""What 4 KiB of an NVMe disk cost Plinth's driver, and Linux's on the same machine, in instructions: for tools/bench and emulator/nvme-cost."""
import os
import subprocess
import time

from measure import peer
from measure.session import ROOT, TOOLS, Failed

COUNT = 20000           # drivers/nvme/selftest.c's and tests/peer/nvmeload.c's
WORK = (("read", 1), ("read", 32), ("write", 1), ("write", 32), ("map", 1))
LIMIT = 240
VTD = ["-device", "intel-iommu,intremap=on,aw-bits=48"]
# The table's row, QEMU's options, Plinth's words, Linux's.
HOSTS = (
    ("no IOMMU", [], "", ""),
    ("VT-d, strict", VTD, "", "intel_iommu=on iommu.strict=1 iommu.passthrough=0"),
    ("VT-d, lazy", VTD, "iommu=lazy", "intel_iommu=on iommu.strict=0 iommu.passthrough=0"),
    ("VT-d, off", VTD, "iommu=off", "intel_iommu=off"),
    ("AMD-Vi, strict", ["-device", "amd-iommu,pt=off,intremap=on"], "", None),
)
# Reads and writes end at once, so that what is counted is the driver's.
DISK = ["-blockdev", "driver=null-co,node-name=disk,size=67108864,read-zeroes=on",
        "-device", "nvme,id=nvme,serial=plinth,addr=8", "-device", "nvme-ns,drive=disk,bus=nvme"]
INIT = """\
#!/bin/sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
dmesg -n 1
sleep 5
/lib/nvmeload
stty -echo
sleep 1
poweroff -f
"""


def counted(scratch, iommu, words, end):
    """{(what, depth): instructions for each}, of a run of tools/run that says `end` when all is done."""
    counter, text, found, begun = scratch / "counter", "", {}, {}
    command = [TOOLS / "run", "--cpu", "amd", "--smp", "1", "--timeout", str(LIMIT), *words]
    for word in [*iommu, *DISK, "-plugin", f"file={scratch}/count.so,out={counter}"]:
        command.append("--emu-arg=" + word)
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        while data := os.read(run.stdout.fileno(), 65536):
            text += data.decode(errors="replace").replace("\r", "")
            time.sleep(0.1)     # what follows a mark is quiet
            count = int.from_bytes(counter.read_bytes(), "little")
            for key in WORK:
                mark = f"cost: {key[0]} {key[1]} "
                if key not in begun and mark + "begins\n" in text:
                    begun[key] = count
                if key not in found and mark + "has ended\n" in text:
                    found[key] = (count - begun[key]) // COUNT
    if end not in text:
        raise Failed(f"NVMe: no '{end}':\n{text[-2000:]}")
    return found


def ours(scratch, elf, iommu, words):
    return counted(scratch, iommu, ["--elf", elf, "--bootset", scratch / "set", "--append", f"selftest=nvme-cost {words}"],
                   "selftest: 1 ok, 0 failed")


def theirs(scratch, iommu, words, run):
    directory = scratch / f"linux-{len(list(scratch.iterdir()))}"
    directory.mkdir()
    iso = peer.grub_iso(run, directory, (peer.DEPS / "vmlinuz").read_bytes(), scratch / "initrd.gz", f"console=ttyS0 quiet tsc=reliable {words}")
    return counted(scratch, iommu, ["--mem", "768", "--iso", iso], "nvmeload: ok")


def prepare(run, scratch):
    (scratch / "set").mkdir()
    (scratch / "set/note.txt").write_text("no domain\n")
    run("gcc", "-O2", "-shared", "-fPIC", "-o", scratch / "count.so", TOOLS / "measure/count.c")


def prepare_linux(run, scratch):
    (scratch / "init").write_text(INIT)
    run("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-o", scratch / "nvmeload", ROOT / "tests/peer/nvmeload.c")
    run(TOOLS / "mkinitrd", scratch / "initrd.gz", scratch / "init", scratch / "nvmeload")


def rows(run, scratch, elf):
    """(host, ours and Linux's for each kind of work, and what a map and its unmap cost)."""
    prepare(run, scratch)
    prepare_linux(run, scratch)
    found = []
    for name, iommu, words, linux in HOSTS:
        mine = ours(scratch, elf, iommu, words)
        other = theirs(scratch, iommu, linux, run) if linux is not None else {}
        found.append((name, *(f"{mine[key]} / {other.get(key, '-')}" for key in WORK[:4]), mine["map", 1]))
    return found
