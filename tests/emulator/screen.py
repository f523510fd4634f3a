"""For tests that look at the machine's screen, as pixels or as VGA's words, beside what COM1 says."""
import gzip
import json
import os
import pathlib
import re
import select
import socket
import subprocess
import sys
import time

DIR = pathlib.Path(os.environ["TEST_DIR"])
FONT = "build/deps/font.psf.gz"
LIMIT = 60          # seconds for one answer
WIDTH, HEIGHT = 8, 16
ROWS = 12           # so many are compared
LIGHT = b"\xaa\xaa\xaa"

bootset = DIR / "bootset"
bootset.mkdir()
(bootset / "one.txt").write_text("one")


def read_font():
    """The glyphs by character: the file has 256, each followed in its table by the characters it is for."""
    data = gzip.open(FONT).read()
    glyphs = {}
    number = 0
    for at in range(4 + 256 * HEIGHT, len(data) - 1, 2):
        character = data[at] | data[at + 1] << 8
        if character == 0xffff:
            number += 1
        else:
            glyphs.setdefault(chr(character), data[4 + number * HEIGHT:4 + (number + 1) * HEIGHT])
    return glyphs


class Machine:
    def __init__(self, words, *args):
        # A disk has the boot set and the words within.
        given = [] if "--esp" in args else ["--bootset", str(bootset), "--append", words]
        path = os.path.relpath(DIR / "qmp")
        if os.path.exists(path):
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(LIMIT)
        self.text = ""
        self.process = subprocess.Popen(
            ["tools/run", "--cpu", "amd", "--timeout", "120", *given,
             "--emu-arg=-device", "--emu-arg=VGA", "--emu-arg=-qmp", "--emu-arg=unix:" + path, *args],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.qmp = listener.accept()[0].makefile("rw")
        self.ask("qmp_capabilities")

    def fail(self, why):
        self.process.terminate()
        sys.exit("%s\n--- %s" % (self.text, why))

    def ask(self, command, **arguments):
        self.qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.qmp.flush()
        while True:
            answer = json.loads(self.qmp.readline())
            if "error" in answer:
                self.fail(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]

    def expect(self, pattern):
        end = time.monotonic() + LIMIT
        while not re.search(pattern, self.text):
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                self.fail("no %r" % pattern)
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                self.fail("it ended without %r" % pattern)
            self.text += data.decode(errors="replace")

    def end(self):
        self.process.stdin.write(b"poweroff\r")
        self.expect("plinth: powering off")
        self.process.stdin.close()
        # To its end: what tools/run cannot print any more would be an error.
        while os.read(self.process.stdout.fileno(), 65536):
            pass
        if self.process.wait():
            self.fail("status")

    def rows(self):
        """COM1's last rows as a terminal shows them."""
        return [seen(line) for line in self.text.split("\n")[-ROWS:]]


def seen(line):
    row, at = [], 0
    for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[^\x1b]", line):
        count = int(re.sub("[^0-9]", "", part) or 1) if len(part) > 1 else 0
        if part == "\r":
            at = 0
        elif part == "\b":
            at -= 1
        elif count and part[-1] in "CD":
            at += count if part[-1] == "C" else -count
        elif count and part[-1] == "K":
            del row[at:]
        elif not count and part >= " ":
            row[at:at + 1] = part
            at += 1
    return "".join(row)


def screenshot(m):
    """The picture's width, height and rows of pixels."""
    path = DIR / "screen.ppm"
    m.ask("screendump", filename=str(path))
    kind, width, height, depth, pixels = re.match(rb"(P6)\s+(\d+)\s+(\d+)\s+(\d+)\s(.*)", path.read_bytes(),
                                                  re.S).groups()
    width, height = int(width), int(height)
    return width, height, [pixels[y * width * 3:(y + 1) * width * 3] for y in range(height)]


def cells(picture, row):
    """The bits of each cell of a row, from its pixels, which are light or dark."""
    width, _, pixels = picture
    out = []
    for x in range(0, width - WIDTH + 1, WIDTH):
        bits = bytearray()
        for line in pixels[row * HEIGHT:(row + 1) * HEIGHT]:
            byte = 0
            for pixel in range(x, x + WIDTH):
                byte = byte << 1 | (line[pixel * 3:pixel * 3 + 3] == LIGHT)
            bits.append(byte)
        out.append(bytes(bits))
    return out


def inverse(bits):
    return bytes(byte ^ 0xff for byte in bits)


def vga_rows(m):
    """The words at 0xb8000, which QEMU draws in a font of its own: each row as text, and its colours."""
    path = DIR / "text"
    m.ask("pmemsave", val=0xb8000, size=25 * 160, filename=str(path))
    memory = path.read_bytes()
    rows = [memory[y * 160:(y + 1) * 160] for y in range(25)]
    return [(row[::2].decode("latin-1").rstrip(), row[1::2]) for row in rows]
