"""Plinth's figures beside Linux KVM's, as a table and as charts: for tools/bench."""
from measure import chart, peer

# Operations of tests/guest/cost.asm and guests tests/guest/irqs_NAME.asm.
TITLES = {
    "cpuid": "CPUID", "hypercall": "hypercall, unknown", "in-pic": "IN from the PIC", "in-pit": "IN from the PIT",
    "rdmsr": "RDMSR of TSC_ADJUST", "wrmsr": "WRMSR of TSC_ADJUST", "mmio-ioapic": "read of the IOAPIC",
    "mmio-lapic-id": "read of the APIC's id, xAPIC", "ipi-icr": "self-IPI by ICR with its handler",
    "ipi-self": "self-IPI by 83FH with its handler", "eoi": "EOI of the interrupt in service, x2APIC",
    "hlt-wake": "HLT until the own timer, less the wait", "switch": "two switches of address space and thread",
    "first-touch": "first touch of a 4 KiB page", "first-touch-2m": "first touch of a 2 MiB page",
    "timer": "TSC deadline to the handler", "turn": "IPI to the handler, both halt on one CPU",
    "ipi": "IPI to the handler, the other one runs", "wake": "IPI to the handler, the other one halts",
}
# Name, goal, the peer's run that has its figure (peer.script()), what is different there.
ROWS = (
    ("cpuid", "280", "cost", ""), ("hypercall", "280", "cost", ""), ("in-pic", "280", "cost", ""),
    ("in-pit", "280", "cost", ""), ("rdmsr", "280", "cost", ""), ("wrmsr", "280", "cost", ""),
    ("mmio-ioapic", "600", "cost", ""), ("mmio-lapic-id", "", "cost", ""), ("ipi-icr", "800", "cost", ""),
    ("ipi-self", "800", "cost", ""), ("eoi", "", "cost", ""), ("hlt-wake", "1200", "cost", ""),
    ("hlt-wake", "1200", "no-polling", ", KVM not polling"), ("timer", "", "timer", ""),
    ("turn", "", "turn", ""), ("turn", "", "no-polling-turn", ", KVM not polling"),
    ("ipi", "", "ipi", ""), ("wake", "", "wake", ""), ("switch", "", "cost", ""),
    ("first-touch", "500", "cost", ""), ("first-touch", "500", "present", "; KVM's host has the page"),
    ("first-touch-2m", "", "huge", ""), ("first-touch-2m", "", "huge-present", "; KVM's host has the page"),
)
MACHINES = {("amd", ""): "QEMU", ("intel", ""): "Bochs", ("intel", "apicv=off"): "Bochs, no APICv"}
HEAD = ["instructions", "goal, at most",
        *(name for machine in MACHINES.values() for name in (f"{machine}: Plinth, off", "auto", "KVM, off", "auto"))]
# Of ROWS, by their places: what a chart shows.
CHARTED = [row for row in ROWS if row[0] not in ("in-pic", "mmio-lapic-id", "eoi", "switch") and row[2] not in ("huge", "huge-present")]
NOTE = """
    "off" and "auto" are the host's `mitigations=`, of which Plinth's cost nothing at an exit (mitigations.md). Both run the very same bare guests, `tests/guest/cost.asm` and `irqs_*.asm`, in this one run
    on the same emulated machines, with one CPU, and two for the two rows of an IPI to another CPU, which Bochs alone can show (QEMU's CPUs take turns
    ten times a second). The peer is Debian's cloud kernel as the host with its own KVM, and on /dev/kvm `tests/peer/kvmrun.c`, with interrupt
    controllers and PIT in the kernel; "no APICv" is Plinth's `apicv=off` and KVM's `enable_apicv=0`, with one CPU also without polling. Rows of `cost.asm` are medians, less the same without the instruction;
    those "to the handler" are averages of ticks from the cause to the handler's first instruction, over many thousand interrupts. With one CPU a tick is an
    instruction of host and guest, however long it would take on silicon. A hyphen: not to be had there.

    Plinth's figures are those of the release build; `emulator/cost` holds each row of `cost.asm` to its figure and some ten more. On QEMU a figure is what the host executes from
    exit to entry, VMRUN included; Bochs counts the instruction that exits, too. VMRUN, VMRESUME, VMREAD or WRMSR count as one instruction each. On QEMU each interrupt for a guest of Plinth's costs one exit
    more, because of a fault of its TCG (`svm_inject()`). With VT-x's aids for interrupts (apicv.md) what is read of the APIC, an interrupt to oneself by 83FH and its EOI take no exit; the ICR's takes the one
    for the write.

    On QEMU about 1400 of KVM's CPUID, MSR and hypercall figures are its decoding in software, as TCG saves no next RIP; about
    4180 of its emulated MMIO and HLT under `auto` on Bochs are the L1D flush in software. KVM polls for up to 200 us before it sleeps at a HLT, where that seems worth it, and the
    CPU is busy meanwhile; so does Plinth, while nobody else wants the CPU. Plinth maps a guest's memory at its start, so that nothing happens at the first touch; KVM finds the page in the host, or
    allocates and clears it first.
    """


def theirs_of(runs, prefix, name, variant):
    """The peer's figure in the runs of one host; None where there is none."""
    if variant in ("cost", "no-polling") and prefix:
        variant = "software"
    elif prefix:
        variant = prefix + variant.removeprefix("no-polling-")    # it never polls there
    for run in runs:
        if variant in run:
            return peer.costs(run[variant]).get(name) if "cost " in run[variant] else peer.ticks(run[variant])
    return None


def figures(found, theirs, row):
    """[[Plinth off, auto, KVM off, auto] of each machine]"""
    name, _, variant, _ = row
    return [[*(found[cpu, words, how].get(name) for how in peer.MITIGATIONS),
             *(theirs_of(theirs[cpu, how], "software-" if words else "", name, variant) for how in peer.MITIGATIONS)]
            for cpu, words in MACHINES]


def rows(found, theirs):
    """For tools/bench's table(). found: {(cpu, words, mitigations): {name: figure}}, theirs: {(cpu, mitigations): [peer.measure()]}"""
    return [(TITLES[row[0]] + row[3], row[1],
             *("-" if value is None else value for machine in figures(found, theirs, row) for value in machine))
            for row in ROWS]


def cost_charts(found, theirs):
    charts = {}
    for n, (file, title) in enumerate((("cost-qemu.svg", "Instructions on QEMU, AMD-V (a logarithmic scale)"),
                                       ("cost-bochs.svg", "Instructions on Bochs, VT-x (a logarithmic scale)"))):
        shown = [(TITLES[row[0]] + row[3], figures(found, theirs, row)[n]) for row in CHARTED]
        charts[file] = chart.bars(title, ["Plinth", "KVM, mitigations=off", "KVM, mitigations=auto"],
                                  [(label, values[1:]) for label, values in shown if values[1] is not None and values[2:] != [None, None]])
    return charts


def boot_chart(cpus, bare, guest, kvm):
    rows = [(cpus[cpu], [round(value / 1e6) for value in
                         (guest[cpu], *(kvm[cpu, how] for how in peer.MITIGATIONS), bare[cpu])]) for cpu in cpus]
    return chart.bars("Debian's kernel from its entry to its init, millions of instructions of host and guest",
                      ["Plinth", "KVM, mitigations=off", "KVM, mitigations=auto", "no hypervisor"], rows, chart.Linear)
