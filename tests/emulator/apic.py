"""Compares two logs of tests/guest/apic_random.asm line by line.

usage: apic.py MACHINE BARE GUEST: MACHINE is what BARE ran on, as tests/emulator/apic-differences.txt names it; GUEST
is Plinth's console, or a log like BARE where no domain's prefix is in it. Lines that differ must both match a row of
that list.
"""
import pathlib
import re
import sys

LIST = pathlib.Path(__file__).with_name("apic-differences.txt")


def load(path):
    """The lines of a run, without what is before them on a console; the last is "~end"."""
    lines = [line[line.index("~"):] for line in
             pathlib.Path(path).read_text(errors="replace").replace("\r", "").split("\n") if "~" in line]
    if not lines or lines[-1] != "~end":
        sys.exit(f"FAIL: {path} has {len(lines)} lines and does not end: {lines[-1:]}")
    return lines


def rules(machine):
    """Rows: machine, or what its name begins with; the bare machine's line, the guest's, why. A guest's of "-" is a line that only the other has."""
    found = []
    for row in LIST.read_text().splitlines():
        if not row or row.startswith("#"):
            continue
        where, bare, guest, _ = (field.strip() for field in row.split("|", 3))
        if where == machine or machine.startswith(where + "-"):
            found.append((re.compile(bare), None if guest == "-" else re.compile(guest)))
    return found


def main():
    machine, bare, guest = sys.argv[1], load(sys.argv[2]), load(sys.argv[3])
    known = rules(machine)
    used = [0] * len(known)
    i = j = 0
    while i < len(bare) and j < len(guest):
        if bare[i] == guest[j]:
            i, j = i + 1, j + 1
            continue
        for n, (left, right) in enumerate(known):
            if left.fullmatch(bare[i]) and (right is None or right.fullmatch(guest[j])):
                used[n] += 1
                i, j = i + 1, j + (right is not None)
                break
        else:
            print("".join(f"  {line}\n" for line in bare[max(0, i - 12):i]), end="")
            sys.exit(f"FAIL: line {i + 1}: {machine} says '{bare[i]}', Plinth '{guest[j]}'")
    if i < len(bare) or j < len(guest):
        sys.exit(f"FAIL: {machine} has {len(bare)} lines, Plinth {len(guest)}")
    print(f"{len(bare)} lines alike, but {sum(used)} that are explained")


main()
