"""A GUID partition table (UEFI 2.10: "GUID Partition Table (GPT) Disk Layout"), written to a disk or an image of one."""
import struct
import uuid
import zlib

SECTOR = 512
MIB = 1 << 20
ENTRIES, ENTRY_SIZE = 128, 128
TABLE_SECTORS = ENTRIES * ENTRY_SIZE // SECTOR
BIOS_BOOT = uuid.UUID("21686148-6449-6e6f-744e-656564454649")
EFI_SYSTEM = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
LINUX_DATA = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
RESERVED = uuid.UUID("8da63339-0007-60c0-c436-083ac8230908")
BOOT_CODE = 440     # bytes of the first sector that are a boot loader's


class Partition:
    """Place and length are in sectors."""

    def __init__(self, kind, name, start, sectors):
        self.kind, self.name, self.start, self.sectors = kind, name, start, sectors

    @property
    def offset(self):
        """In bytes."""
        return self.start * SECTOR

    def entry(self):
        return struct.pack("<16s16sQQQ72s", self.kind.bytes_le, uuid.uuid4().bytes_le, self.start,
                           self.start + self.sectors - 1, 0, self.name.encode("utf-16-le"))


def lay_out(wanted):
    """Partitions one behind the other, from the first MiB on; wanted is (kind, name, MiB)."""
    partitions, at = [], MIB // SECTOR
    for kind, name, mib in wanted:
        partitions.append(Partition(kind, name, at, mib * MIB // SECTOR))
        at += mib * MIB // SECTOR
    return partitions


def write(file, size, partitions):
    """Both tables, and a first sector that says of the whole disk that it is taken; the boot code in it stays 0."""
    last = size // SECTOR - 1
    table = b"".join(partition.entry() for partition in partitions).ljust(ENTRIES * ENTRY_SIZE, b"\0")
    disk = uuid.uuid4()
    protective = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xee, b"\xff\xff\xff", 1, min(last, 0xffffffff))
    put(file, 0, bytes(446) + protective.ljust(64, b"\0") + b"\x55\xaa")
    put(file, 1, head(1, last, 2, last, disk, table))
    put(file, 2, table)
    put(file, last - TABLE_SECTORS, table)
    put(file, last, head(last, 1, last - TABLE_SECTORS, last, disk, table))


def put(file, sector, data):
    file.seek(sector * SECTOR)
    file.write(data)


def head(own, other, table_at, last, disk, table):
    def packed(crc):
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, own, other, 2 + TABLE_SECTORS,
                           last - TABLE_SECTORS - 1, disk.bytes_le, table_at, ENTRIES, ENTRY_SIZE, zlib.crc32(table))
    return packed(zlib.crc32(packed(0))).ljust(SECTOR, b"\0")


def read(file):
    """The partitions of the first table, where it and its checksums are whole; else None."""
    file.seek(SECTOR)
    data = file.read(92)
    if len(data) < 92 or data[:8] != b"EFI PART":
        return None
    crc, = struct.unpack_from("<I", data, 16)
    at, count, size, table_crc = struct.unpack_from("<QIII", data, 72)
    if zlib.crc32(data[:16] + bytes(4) + data[20:]) != crc or (count, size) != (ENTRIES, ENTRY_SIZE):
        return None
    file.seek(at * SECTOR)
    table = file.read(count * size)
    if zlib.crc32(table) != table_crc:
        return None
    found = []
    for n in range(count):
        kind, _, first, end, _, name = struct.unpack_from("<16s16sQQQ72s", table, n * size)
        if any(kind):
            found.append(Partition(uuid.UUID(bytes_le=kind), name.decode("utf-16-le").rstrip("\0"), first, end - first + 1))
    return found
