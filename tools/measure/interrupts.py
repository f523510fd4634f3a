"""What interrupts cost a guest in exits, by the counters of `domstats`: for tools/bench and emulator/irq-exits."""
import struct

DOMAIN = """\
<domain type='plinth'><name>{name}</name><memory unit='MiB'>32</memory><vcpu>{vcpus}</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><loader type='flat'>{name}.bin</loader></os>
<features><acpi/><apic/></features><devices><serial type='pty'/></devices></domain>
"""
# The guests of tests/guest/irqs_NAME.asm, with one vCPU, and with two on one CPU and on two.
ALONE = {"self": "self-IPI", "window": "self-IPI while interrupts are off", "tpr": "self-IPI held back by CR8",
         "timer": "TSC deadline"}
TURNS = {"turn": "IPI to a vCPU that halts, both on one CPU"}
PAIRS = {"ipi": "IPI to a vCPU that runs", "wake": "IPI to a vCPU that halts"}
TWO = {**TURNS, **PAIRS}
# As domstats has them; the host's own interrupts, and what starting and ending takes, are in none of these. Beside
# them there is the CPU's own timer, for which "timer" alone has any.
KINDS = ("eoi", "tpr", "self-ipi", "window", "ipi", "kick")
COUNT_AT = 8            # where the guests have the number of interrupts


def make_bootset(directory, guests, count, names):
    """A boot set at that path of those guests; guests is where the assembled ones are."""
    directory.mkdir(parents=True)
    for name in names:
        image = bytearray((guests / f"irqs_{name}.bin").read_bytes())
        struct.pack_into("<I", image, COUNT_AT, count)
        (directory / f"{name}.bin").write_bytes(image)
        (directory / f"{name}.xml").write_text(DOMAIN.format(name=name, vcpus=2 if name in TWO else 1))
    return directory


def measure(session, names):
    """
    {guest: ([{kind: exits} for each vCPU], ticks from the cause to the handler)} on a host with that console, whose
    boot set has those guests. Each runs alone, once more.
    """
    session.expect("Enter brings the prompt")
    session.type("")
    session.expect("plinth# ")
    for word in ("running", "destroyed"):
        for name in names:
            session.seen = 0        # in any order
            if word == "destroyed":
                session.type("destroy " + name)
            session.expect(rf"domain {name}: {word}")
    session.seen = len(session.text)
    found = {}
    for name in names:
        session.type("start " + name)
        ticks = int(session.expect(rf"\[{name}\] ticks (\d+)\n")[1])
        stats = session.domstats(name)
        vcpus = 2 if name in TWO else 1
        found[name] = ([{kind: stats[f"vcpu.{i}.exits.{kind}"] for kind in (*KINDS, "timer")} for i in range(vcpus)], ticks)
        session.type("destroy " + name)
        session.expect(rf"domain {name}: destroyed")
    return found
