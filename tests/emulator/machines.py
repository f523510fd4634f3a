"""Odd machines: a table of boards, CPUs, memory and firmware, each of which Plinth boots on and runs a guest, or says
what is missing. tests/emulator/machines.test takes the quick ones, machines-all.test all of them."""
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys

CPU = os.environ["CPU"]
DIR = pathlib.Path(os.environ["TEST_DIR"])
GUEST = """<domain type='plinth'>
  <name>hello</name>
  <memory unit='MiB'>16</memory>
  <os><type>hvm</type><loader type='flat'>hello.bin</loader></os>
  <features><acpi/></features>
  <devices><serial type='pty'/></devices>
</domain>
"""

# What `lines` must match is beside the guest's word; without a guest it is all. `odd`: words for tests/firmware/odd.c,
# or la57 for tests/firmware/la57.c.
Cell = collections.namedtuple("Cell", "name args lines guest odd quick")


def qemu(*words):
    return ["--emu-arg=" + word for word in words]


def model(name):
    return ["--cpu-model", name]


def bochs(count="1:2:1", name="corei7_skylake_x", without=""):
    """The CPU's line of its configuration in place of tools/run's."""
    line = f"cpu: model={name}, count={count}, quantum=16, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=1"
    return ["--emu-arg=" + line + (f', exclude_features="{without}"' if without else "")]


def nodes(count, mib):
    """NUMA nodes with memory and a CPU each."""
    words = []
    for n in range(count):
        words += ["-object", f"memory-backend-ram,id=node{n},size={mib}M", "-numa", f"node,memdev=node{n},cpus={n}"]
    return qemu(*words)


def cell(name, *args, lines=(), guest=True, odd="", quick=False):
    return Cell(name, list(args), lines, guest, odd, quick)


def smp(count):
    return [rf"smp: {count} CPUs?\b"]


NO_NPT = "this machine cannot run guests: VT-x: the CPU has no VT-x; AMD-V: the CPU has no nested paging"
NO_UNRESTRICTED = r"this machine cannot run guests: VT-x: .*; AMD-V: the CPU has no SVM"

CELLS = {"amd": [
    cell("q35"),
    cell("q35 of QEMU 7.2", "--machine", "pc-q35-7.2"),
    cell("i440fx", "--machine", "pc", quick=True),
    cell("i440fx of QEMU 7.2", "--machine", "pc-i440fx-7.2"),
    cell("q35 of QEMU 7.2, UEFI", "--machine", "pc-q35-7.2", "--firmware", "uefi"),
    cell("i440fx, UEFI", "--machine", "pc", "--firmware", "uefi"),
    cell("no x2APIC", *model("max,+svm,-x2apic"), quick=True),
    cell("no 1 GiB pages", *model("max,+svm,-pdpe1gb")),
    cell("no SMAP, no SMEP", *model("max,+svm,-smap,-smep")),
    cell("no XSAVE", *model("max,+svm,-xsave")),
    cell("no RDTSCP", *model("max,+svm,-rdtscp")),
    cell("no 5-level paging", *model("max,+svm,-la57")),
    cell("no HPET", *qemu("-machine", "hpet=off"), lines=["PCIe ranges, power-off"]),
    cell("EPYC", *model("EPYC,+svm")),
    cell("phenom", *model("phenom,+svm,+npt"), quick=True),
    cell("qemu64", *model("qemu64,+svm,+npt")),
    cell("no nested paging", *model("max,+svm,-npt"), lines=[NO_NPT], guest=False, quick=True),
    cell("1 CPU", "--smp", "1", lines=smp(1)),
    cell("6 CPUs, APIC ids with gaps", *qemu("-smp", "6,sockets=2,cores=3,threads=1"), lines=smp(6)),
    cell("12 CPUs, two threads each", *qemu("-smp", "12,sockets=2,cores=3,threads=2"),
         lines=smp(12) + ["topology: 1 node of 2 packages, 3 cores, 2 threads each"], quick=True),
    cell("5 of 8 CPUs", *qemu("-smp", "5,sockets=8,maxcpus=8"), lines=smp(5)),
    cell("32 CPUs", "--smp", "32", lines=smp(32)),
    cell("32 CPUs, UEFI", "--smp", "32", "--firmware", "uefi", lines=smp(32)),
    cell("NUMA, 1 node", *nodes(1, 1024)),
    cell("NUMA, 2 nodes", *nodes(2, 512)),
    cell("NUMA, 4 nodes", "--smp", "4", *nodes(4, 256),
         lines=smp(4) + ["topology: 4 nodes of 1 package, 1 cores, 1 threads each"], quick=True),
    cell("512 MiB", "--mem", "512"),
    cell("4 GiB", "--mem", "4096"),
    cell("16 GiB", "--mem", "16384", lines=["memory: 1638[0-9] MiB"]),
    cell("16 GiB, UEFI", "--mem", "16384", "--firmware", "uefi", lines=["memory: 163[78][0-9] MiB"]),
    cell("2 GiB, 512 MiB of it low", "--mem", "2048", *qemu("-machine", "max-ram-below-4g=512M"), quick=True),
    cell("3 GiB, 1 GiB of it low", "--mem", "3072", *qemu("-machine", "max-ram-below-4g=1G")),
    cell("a memory map of junk", odd="junk", lines=["memory: 1022 MiB", "1048576 MiB lie too high"]),
    cell("memory in pieces", odd="holes", lines=["memory: 95[0-9] MiB"]),
    cell("ACPI 1.0", odd="acpi1", lines=["2 CPUs, 1 I/O APICs, 1 PCIe ranges, HPET, power-off"]),
    cell("ACPI 6, XSDT alone", odd="acpi6", lines=["2 CPUs, 1 I/O APICs, 1 PCIe ranges, HPET, power-off"]),
    cell("junk, pieces and ACPI 6", odd="junk,holes,acpi6", quick=True),
    cell("UEFI with 5-level paging on", odd="la57", lines=["la57: on"], quick=True),
], "intel": [
    cell("corei7_skylake_x"),
    cell("no x2APIC", *bochs(without="x2apic"), quick=True),
    cell("no 1 GiB pages", *bochs(without="1g_pages")),
    cell("no PCID", *bochs(without="pcid")),
    cell("no INVPCID", *bochs(without="invpcid")),
    cell("no SMAP, no SMEP", *bochs(without="smap,smep")),
    cell("no TSC deadline", *bochs(without="tsc_deadline"), quick=True),
    cell("no RDTSCP", *bochs(without="rdtscp")),
    cell("6 CPUs, APIC ids with gaps", *bochs("2:3:1"), lines=smp(6), quick=True),
    cell("12 CPUs, two threads each", *bochs("3:2:2"),
         lines=smp(12) + ["topology: 1 node of 3 packages, 2 cores, 2 threads each"]),
    cell("512 MiB", "--mem", "512"),
    cell("3 GiB", "--mem", "3072"),
    cell("Arrandale", *bochs(name="corei5_arrandale_m520"), quick=True),
    cell("Sandy Bridge", *bochs(name="corei7_sandy_bridge_2600k")),
    cell("Ivy Bridge", *bochs(name="corei7_ivy_bridge_3770k")),
    cell("Haswell", *bochs(name="corei7_haswell_4770")),
    cell("Broadwell", *bochs(name="broadwell_ult")),
    cell("Cannon Lake", *bochs(name="corei3_cnl")),
    cell("Ryzen: AMD-V with next-RIP", *bochs(name="ryzen"), lines=["AMD-V: guests can run"], quick=True),
    cell("Zambezi: AMD-V", *bochs(name="zambezi"), lines=["AMD-V: guests can run"]),
    cell("Trinity: AMD-V", *bochs(name="trinity_apu"), lines=["AMD-V: guests can run"]),
    cell("Lynnfield: no unrestricted guest", *bochs(name="corei5_lynnfield_750"), lines=[NO_UNRESTRICTED],
         guest=False, quick=True),
    cell("Penryn: no EPT", *bochs(name="core2_penryn_t9600"), lines=[NO_UNRESTRICTED], guest=False),
    cell("a memory map of junk", odd="junk", lines=["memory: 102[0-9] MiB"]),
    cell("memory in pieces", odd="holes"),
    cell("ACPI 6, XSDT alone", odd="acpi6", lines=["2 CPUs, 1 I/O APICs, 0 PCIe ranges, HPET, power-off"], quick=True),
]}


def hello_bootset():
    bootset = DIR / "hello"
    bootset.mkdir()
    shutil.copy("build/tests/guest/hello.bin", bootset)
    (bootset / "hello.xml").write_text(GUEST)
    return bootset, r"\[hello\] hello from a guest"


def linux_bootset():
    bootset = DIR / "linux"
    words = "console=ttyS0 no_timer_check plinth.test=poweroff"
    command("tools/mkbootset", bootset, "--mem", "128", "--cmdline", words, stdout=subprocess.DEVNULL)
    return bootset, r"\[linux\] guest: init reached"


WORDS = "follow=all poweroff=last-guest"
C_FLAGS = ["-std=gnu11", "-ffreestanding", "-fno-stack-protector", "-mgeneral-regs-only", "-fcf-protection=none",
           "-fno-asynchronous-unwind-tables", "-O1", "-Wall", "-Wextra", "-Werror"]
MIB = 1 << 20
NAME_WIDTH = 40


def command(*words, **more):
    subprocess.run(words, check=True, **more)


def odd_elf():
    """The image that has Plinth's within (tests/firmware/odd.c)."""
    elf = DIR / "odd.elf"
    if not elf.exists():
        command("nasm", "-f", "elf32", "-DIMAGE='build/plinth.elf'", "-o", DIR / "entry.o", "tests/firmware/odd.asm")
        command("gcc", "-m32", *C_FLAGS, "-fno-pic", "-I.", "-c", "-o", DIR / "odd.o", "tests/firmware/odd.c")
        command("ld", "-m", "elf_i386", "-z", "noexecstack", "--no-warn-rwx-segments", "-T", "tests/firmware/odd.ld",
                "-o", elf, DIR / "entry.o", DIR / "odd.o")
    return elf


def la57_esp(bootset):
    """A volume whose application turns 5-level paging on, and starts plinth.efi (tests/firmware/la57.c)."""
    esp = DIR / "esp"
    boot = esp / "EFI/BOOT"
    boot.mkdir(parents=True)
    command("nasm", "-f", "elf64", "-o", DIR / "switch.o", "tests/firmware/la57.asm")
    command("gcc", *C_FLAGS, "-fpic", "-fshort-wchar", "-mno-red-zone", "-DGNU_EFI_USE_MS_ABI", "-isystem",
            "/usr/include/efi", "-isystem", "/usr/include/efi/x86_64", "-c", "-o", DIR / "la57.o",
            "tests/firmware/la57.c")
    command("ld", "-r", "-o", DIR / "app.o", DIR / "switch.o", DIR / "la57.o")
    command("tools/mkefi", boot / "BOOTX64.EFI", env=dict(os.environ, PLINTH_APP=DIR / "app.o"))
    shutil.copy("build/plinth.efi", esp)
    shutil.copytree(bootset, esp / "bootset")
    (esp / "cmdline").write_text(WORDS)
    return esp


def medium(c, bootset):
    """What the cell boots from, as options of tools/run."""
    if c.odd == "la57":
        return ["--esp", str(la57_esp(bootset))]
    args = ["--bootset", str(bootset), "--append", WORDS]
    if c.odd:
        args += ["--elf", str(odd_elf()), "--append", "odd=" + c.odd]
    if "holes" in c.odd and CPU == "amd":
        args += qemu("-object", f"memory-backend-file,id=ram,size=1G,mem-path={DIR}/ram,share=on",
                     "-machine", "memory-backend=ram")
    return args


def holes_touched(ram, text):
    """Places in the memory that was somebody else's (pieces() in tests/firmware/odd.c) with other bytes than before."""
    touched = []
    left_out = {int(at, 16) for at in re.findall(r"odd: no hole at (0x[0-9a-f]{8})", text)}
    if len(left_out) > 8:
        return ["too few places"]
    with open(ram, "rb") as f:
        for hole in range(8 * MIB, 1016 * MIB, 8 * MIB):
            if 256 * MIB < hole <= 320 * MIB or hole in left_out:
                continue
            size = 64 * MIB if hole == 256 * MIB else 4096
            f.seek(hole)
            if f.read(size) != b"\xa5" * size:
                touched.append(f"{hole:#x}")
    return touched


def run(c, bootset, greeting, limit):
    """Why the cell failed; None: it did not."""
    log, ram = DIR / "console", DIR / "ram"
    log.write_bytes(b"")
    status = subprocess.run(
        ["tools/run", "--cpu", CPU, "--timeout", str(limit), "--log", str(log), *medium(c, bootset), *c.args],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
    text = log.read_text(errors="replace")
    wanted = [*c.lines, *([greeting] if c.guest else [])]
    why = [f"no /{pattern}/" for pattern in wanted if not re.search(pattern, text)]
    if status:
        why.append(f"status {status}")
    if "PANIC" in text:
        why.append("a panic")
    if ram.exists():
        why += [f"somebody else's memory at {place} was written" for place in holes_touched(ram, text)[:3]]
        ram.unlink()
    if why:
        print(text)
    return ", ".join(why) or None


def outcome(c, why):
    return f"FAIL: {why}" if why else "pass: runs a guest" if c.guest else "pass: refuses guests and says why"


def check_page():
    """Whether docs/machines.md names the machines of the table, in its order."""
    page = pathlib.Path("docs/machines.md").read_text()
    shown = re.search(rf"<!-- cells: {CPU} -->\n```\n(.*?)```\n", page, re.S)
    names = [row[:NAME_WIDTH].rstrip() for row in shown[1].splitlines()] if shown else []
    wanted = [c.name for c in CELLS[CPU]]
    for name in set(names) ^ set(wanted):
        print(f"docs/machines.md: {name}: {'missing' if name in wanted else 'not in the table'}")
    return names == wanted


def run_cells(cells, bootset, greeting, limit):
    """Prints a line for each; whether all passed."""
    failed = 0
    for c in cells:
        why = run(c, bootset, greeting, limit)
        failed += why is not None
        print(f"{c.name:<{NAME_WIDTH}}{outcome(c, why)}", flush=True)
    print(f"{len(cells) - failed} of {len(cells)} machines passed")
    return not failed
