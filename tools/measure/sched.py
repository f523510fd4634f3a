"""Shares, wake-ups and contended locks, counted by bare guests against their own TSC: for tools/bench and emulator/shares."""
import struct

from .session import Session

DOMAIN = """\
<domain type='plinth'><name>{name}</name><memory unit='MiB'>{mib}</memory><vcpu>{vcpus}</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><loader type='flat'>{image}.bin</loader></os>
<features><acpi/><apic/></features><cputune><shares>{shares}</shares></cputune>
<devices><serial type='pty'/></devices></domain>
"""
NUMBERS_AT = 8          # where the guests have theirs
LOCKS = {"none": 0, "any": 1, "ticket": 2, "pv": 3}
# Ticks of the TSC in a millisecond, with one instruction a tick.
MS = {"amd": 1_000_000, "intel": 100_000}
WEIGHTS = (1, 2, 4)
IMAGE = 16 << 20                # bytes of a guest that takes long to load
SETTLE_MS = 500                 # until then the host has started all guests
INSIDE, OUTSIDE = 500, 1500     # steps of an item with the lock and without


def add(directory, guests, source, name, numbers, vcpus=1, shares=1024, mib=32, size=0):
    """Puts that guest of tests/guest/SOURCE.asm, filled up to size, into a boot set, with these numbers, as bytes; guests: the assembled ones."""
    directory.mkdir(parents=True, exist_ok=True)
    image = bytearray((guests / f"{source}.bin").read_bytes())
    image[NUMBERS_AT:NUMBERS_AT + len(numbers)] = numbers
    (directory / f"{name}.bin").write_bytes(image.ljust(size, b"\0"))
    (directory / f"{name}.xml").write_text(DOMAIN.format(name=name, image=name, vcpus=vcpus, shares=shares, mib=mib))


def work(lock="none", inside=500, outside=1500, settle=0, window=0, gap=0):
    """Numbers of tests/guest/sched_work.asm; times in ticks."""
    return struct.pack("<IIIIQQ", LOCKS[lock], inside, outside, gap, settle, window)


def wake(count, pause, more, settle):
    """Numbers of tests/guest/sched_wake.asm; times in ticks."""
    return struct.pack("<IIII", count, pause, more, settle)


def said(session, names, word):
    """{name: the two numbers that it wrote behind that word}, in whatever order they come."""
    found = {}
    while len(found) < len(names):
        match = session.expect(rf"\[([\w-]+)\] {word} ([0-9a-f]+) ([0-9a-f]+)\n")
        found[match[1]] = int(match[2], 16), int(match[3], 16)
    return found


def rates(session, names):
    """{name: items in 10^6 ticks} of guests that work; of names alone."""
    return {name: 1e6 * items / ticks for name, (items, ticks) in said(session, names, "items").items()}


def host(cpu, smp, bootset, *words):
    """Plinth where time is counted in instructions."""
    # QEMU's count of instructions ends soon after a host took to x2APIC mode.
    off = " cpu.off=x2apic" if cpu == "amd" else ""
    return Session("--cpu", cpu, "--smp", smp, "--icount", "--bootset", bootset,
                   "--append", "follow=all " + " ".join(words) + off)


def beside_hogs(cpu, directory, guests, window, wakes):
    """
    One CPU, guests with the shares WEIGHTS that always work, and then one that sleeps nearly always, too: the items of each in 10^6
    ticks, over so many ms and to its next turn; the latest wake-up and the mean, in ticks.
    """
    ms = MS[cpu]
    for weight in WEIGHTS:
        add(directory, guests, "sched_work", f"hog{weight}", work(settle=SETTLE_MS * ms, window=window * ms, gap=ms), shares=512 * weight)
    add(directory, guests, "sched_wake", "sleeper", wake(wakes, 8 * ms, 8 * ms, (SETTLE_MS + 100 + window) * ms))
    with host(cpu, 1, directory) as session:
        found = rates(session, [f"hog{weight}" for weight in WEIGHTS])
        session.seen = 0
        return found, said(session, ["sleeper"], "wakes")["sleeper"]


def share_error(found):
    """By how much, at most, one of them is off its part."""
    whole = sum(found.values()) / sum(WEIGHTS)
    return max(abs(found[f"hog{weight}"] / (weight * whole) - 1) for weight in WEIGHTS)


def locks(cpu, directory, guests, kind, count, vcpus, window, *words):
    """Two CPUs and so many guests whose vCPUs all want one lock of their guest: items of all in 10^6 ticks."""
    names = [f"locks{i}" for i in range(count)]
    for name in names:
        add(directory, guests, "sched_work", name,
            work(kind, INSIDE, OUTSIDE, 100 * MS[cpu], window * MS[cpu]), vcpus)
    with host(cpu, 2, directory, *words) as session:
        return sum(rates(session, names).values())


def beside_host_work(cpu, directory, guests, mib, wakes):
    """
    One CPU and one that sleeps nearly always, while a VM with so many MiB is destroyed, so that its memory is wiped, and started, so that
    its image of IMAGE bytes is loaded, again and again until it has slept so many times: the latest wake-up and the mean, in ticks.
    """
    ms = MS[cpu]
    add(directory, guests, "sched_work", "big", work(settle=1 << 60), mib=mib, size=IMAGE)
    add(directory, guests, "sched_wake", "sleeper", wake(wakes, 4 * ms, 4 * ms, SETTLE_MS * ms))
    with host(cpu, 1, directory) as session:
        session.expect("Enter brings the prompt")
        session.type("")
        session.expect("plinth# ")
        while "] wakes " not in session.text:
            session.type("destroy big")
            session.expect("domain big: destroyed")
            session.type("start big")
            session.expect("domain big: running")
        session.seen = 0
        return said(session, ["sleeper"], "wakes")["sleeper"]
