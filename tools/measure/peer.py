"""Linux KVM on the same machines, with the same guests: for tools/bench and tests/peer."""
import re
import shutil
import subprocess

from measure import interrupts
from measure.session import ROOT, TOOLS, Failed

DEPS = ROOT / "build/deps"
CFLAGS = "-std=gnu11 -O2 -Wall -Wextra -Wno-unused-parameter -Werror -DPLINTH_HOST_TEST -I. -Itests/host"
# What each program of tests/peer is made of.
PROGRAMS = {
    "kvmrun": "-static tests/peer/kvmrun.c tests/peer/devices.c tests/peer/load.c",
    "tables": "tests/peer/tables.c tests/host/harness.c tests/host/fake_vm.c vdev/acpi_tables.c vdev/aml.c"
              " vm/topology.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c",
}
# The host's words. Bochs's CPUID says 3.5 GHz, its TSC counts 100 MHz; without the first the host's timers come early.
WORDS = {"amd": "tsc=reliable", "intel": "tsc=reliable tsc_early_khz=100000"}
MITIGATIONS = ("off", "auto")
MODULES = {"amd": "kvm-amd", "intel": "kvm-intel"}
HOST_MIB = 768
COUNT = 10_000          # interrupts
LINUX_MIB = 256
LINUX_WORDS = "console=ttyS0 quiet"
# Without x2APIC for the host: QEMU's cannot be used while instructions are counted.
MODEL = {"amd": ["--cpu-model", "max,+svm,-x2apic"], "intel": []}

HEAD = """\
#!/bin/sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
dmesg -n 1
cd /lib
echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
insmod irqbypass.ko
insmod kvm.ko
insmod {module}.ko
echo "peer: host"
uname -r
grep . /sys/devices/system/cpu/vulnerabilities/*
# guest NAME ARGUMENTS: one run of kvmrun.
guest() {{
	echo "peer: $1"
	shift
	/lib/kvmrun "$@"
}}
"""
# What follows is without the aids for interrupts, and where polling was switched off before without that; APICv is not there on QEMU.
SOFTWARE = "rmmod kvm_intel; insmod kvm-intel.ko enable_apicv=0\n"
NO_POLLING = "echo 0 >/sys/module/kvm/parameters/halt_poll_ns\n"
# Counts what KVM's tracepoint says, which takes time: in a run of its own.
TRACE = """\
mount -t tracefs tracefs /sys/kernel/tracing
event=/sys/kernel/tracing/events/kvm/kvm_exit
echo hist:keys=exit_reason >$event/trigger
{}cat $event/hist
echo '!hist:keys=exit_reason' >$event/trigger
"""
# Exit codes of AMD's VMCB (APM volume 2, appendix C) and basic exit reasons of Intel's VMCS (SDM volume 3, appendix C),
# by Plinth's names.
REASONS = {
    "amd": {0x60: "host interrupt", 0x64: "interrupt window", 0x65: "control register", 0x72: "CPUID", 0x78: "HLT",
            0x7b: "port", 0x7c: "MSR", 0x8d: "XSETBV", 0x400: "second-stage fault"},
    "intel": {1: "host interrupt", 7: "interrupt window", 10: "CPUID", 12: "HLT", 28: "control register", 30: "port",
              31: "MSR", 32: "MSR", 48: "second-stage fault", 49: "second-stage fault", 52: "preemption timer",
              55: "XSETBV", 44: "APIC register", 45: "APIC register", 56: "APIC register"},
}
# What is still on its way to the serial line would be lost: stty waits for it before it changes anything.
TAIL = 'echo "peer: end"\nstty -echo\nsleep 1\npoweroff -f\n'
LIMIT = 900             # seconds of all that is measured there


def guest(name, *words):
    return f"guest {name} {' '.join(words)}\n"


def irq_guest(name, prefix=""):
    vcpus, cpus = (2 if name in group else 1 for group in (interrupts.TWO, interrupts.PAIRS))
    return guest(prefix + name, f"-n {vcpus} -c {cpus} -e 'ticks ' irqs_{name}.bin")


def linux_guest(name):
    return guest(name, f"-m {LINUX_MIB} -k -i initrd -w '{LINUX_WORDS}' -a tables vmlinuz")


def script(cpu, smp, parts):
    """The host's init: what is measured there, in `parts` or all of it."""
    lines = {
        "cost": guest("cost", "cost.bin"),
        "touch": guest("present", "-t", "cost.bin") + guest("huge", "-2", "cost.bin")
        + guest("huge-present", "-t", "-2", "cost.bin"),
        "irqs": "".join(map(irq_guest, (*interrupts.ALONE, *interrupts.TURNS))),
        "linux": linux_guest("linux") + TRACE.format(linux_guest("traced")),
        "no-polling": NO_POLLING + guest("no-polling", "cost.bin") + irq_guest("turn", "no-polling-"),
        "software": SOFTWARE + guest("software", "cost.bin")
        + "".join(irq_guest(name, "software-") for name in (*interrupts.ALONE, *interrupts.TURNS)),
    }
    if cpu == "amd":
        del lines["software"]
    if smp > 1:
        pairs = [irq_guest(name) for name in interrupts.PAIRS]
        lines = {"irqs": "".join(pairs),
                 "software": SOFTWARE + "".join(irq_guest(name, "software-") for name in interrupts.PAIRS)}
    return HEAD.format(module=MODULES[cpu]) + "".join(text for part, text in lines.items() if part in (parts or lines)) + TAIL


def parse(text):
    """{guest's name: what it and kvmrun printed} of the host's console."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]|\r", "", text)    # GRUB clears the screen
    found = dict(re.findall(r"^peer: (\S+)\n(.*?)(?=^peer: )", text, re.M | re.S))
    for name, said in found.items():
        if name != "host" and "the guest has ended" not in said:
            raise Failed(f"the peer's {name} did not get through:\n{said[-3000:]}")
    if "peer: end" not in text:
        raise Failed(f"the peer did not get through:\n{text[-3000:]}")
    return found


def costs(said):
    """Of tests/guest/cost.asm: {row: instructions}."""
    return {name: int(ticks) for name, ticks in re.findall(r"^cost (\S+) (-?\d+)$", said, re.M)}


def ticks(said):
    """Of tests/guest/irqs_*.asm: from the cause to the handler, on the average."""
    return int(re.search(r"^ticks (\d+)$", said, re.M)[1])


def linux(said):
    """Of Debian's kernel: instructions from its entry to its init."""
    entry = int(re.search(r"entered at TSC (\d+)", said)[1])
    return int(re.search(r"init reached, tsc (\d+)", said)[1]) - entry


def pipes(said):
    """Of tests/guest/init.asm: instructions of a byte's way to another process and back."""
    return int(re.search(r"guest: pipe (\d+)", said)[1])


def exits(cpu, said):
    """Of a run that was traced: {kind: exits}."""
    found = {}
    for reason, count in re.findall(r"exit_reason: +(\d+) \} hitcount: +(\d+)", said):
        kind = REASONS[cpu].get(int(reason))
        if cpu == "amd" and int(reason) < 0x20:
            kind = "control register"
        kind = kind or "others"
        found[kind] = found.get(kind, 0) + int(count)
    return {**found, "all": sum(found.values())}


def compile_programs(run, directory):
    for name, sources in PROGRAMS.items():
        run("gcc", *CFLAGS.split(), "-o", directory / name, *sources.split(), "-lpthread")
    run(directory / "tables", env={"TABLES": str(directory / "acpi")})


def grub_iso(run, directory, kernel, initrd, words):
    """An image at directory/linux.iso that boots this kernel, by BIOS, on a serial console."""
    tree = directory / "tree"
    (tree / "boot/grub").mkdir(parents=True)
    (tree / "vmlinuz").write_bytes(kernel)
    shutil.copy(initrd, tree / "initrd.gz")
    (tree / "boot/grub/grub.cfg").write_text(
        "serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n"
        f"linux /vmlinuz {words}\ninitrd /initrd.gz\nboot\n")
    run("grub-mkrescue", "-o", directory / "linux.iso", "--locales=", "--fonts=", "--themes=",
        "--install-modules=normal linux serial terminal iso9660 part_msdos part_gpt", tree)
    return directory / "linux.iso"


def make_initrd(run, directory, guests, cpu, smp, parts):
    """The host's: KVM, kvmrun, and the guests, of which guests is where the assembled ones are."""
    compile_programs(run, directory)
    small = directory / "initrd"
    run(TOOLS / "mkinitrd", small, guests / "init.bin")
    images = interrupts.make_bootset(directory / "guests", guests, COUNT, [*interrupts.ALONE, *interrupts.TWO])
    for name in (*interrupts.ALONE, *interrupts.TWO):
        (images / f"{name}.bin").rename(images / f"irqs_{name}.bin")
    shutil.copy(directory / "acpi", images / "tables")
    init = directory / "init"
    init.write_text(script(cpu, smp, parts))
    run(TOOLS / "mkinitrd", directory / "initrd.gz", init, *sorted((DEPS / "kvm").glob("*.ko")), directory / "kvmrun",
        images / "tables", guests / "cost.bin", small, DEPS / "vmlinuz", *sorted(images.glob("*.bin")))
    return directory / "initrd.gz"


def measure(run, directory, guests, cpu, mitigations, smp=1, parts=()):
    """Boots the host with those mitigations and runs the guests. What parse() returns."""
    directory.mkdir(parents=True)
    initrd = make_initrd(run, directory, guests, cpu, smp, parts)
    iso = grub_iso(run, directory, (DEPS / "vmlinuz").read_bytes(), initrd,
                   f"console=ttyS0 quiet mitigations={mitigations} {WORDS[cpu]}")
    # Its status tells nothing: only Plinth says that it powers off.
    done = subprocess.run([TOOLS / "run", "--cpu", cpu, "--smp", str(smp), "--mem", str(HOST_MIB), "--icount",
                           "--timeout", str(LIMIT), "--log", directory / "console", "--iso", iso, *MODEL[cpu]], cwd=ROOT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return parse(done.stdout)
