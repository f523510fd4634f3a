"""A network that a machine boots from by HTTP, without rights of any kind.

QEMU's user network gives addresses and leads to this machine, but its DHCP names no address of a boot file.
That comes from a second server on the same wire, which gives no addresses: what is called a proxy DHCP server
(UEFI 2.10: "HTTP Boot"; RFC 2131). The files come from an HTTP server on this machine's loopback.
"""
import functools
import http.server
import socket
import struct
import threading

CLIENTS_HOST = "10.0.2.2"       # where QEMU's user network has this machine
OWN_MAC, OWN_IP = bytes.fromhex("525500000203"), bytes([10, 0, 2, 3])
ETHERNET, IP, UDP, DHCP = 14, 20, 8, 240    # bytes of their heads; DHCP's with the magic number
DISCOVER, OFFER = b"\x01", b"\x02"
END, TYPE, SERVER, CLASS, BOOT_FILE = 255, 53, 54, 60, 67
HTTP_CLIENT = b"HTTPClient"


class HttpBoot:
    """Serves a directory, and names the file in it that is to be started."""

    def __init__(self, directory, name):
        handler = functools.partial(Files, directory=str(directory))
        self.files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://{CLIENTS_HOST}:{self.files.server_address[1]}/{name}".encode()
        self.wire, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for serve in (self.files.serve_forever, self.answer):
            threading.Thread(target=serve, daemon=True).start()

    def arguments(self):
        """QEMU's: its network and ours on one hub, with the machine."""
        command = ["-netdev", "user,id=boot", "-netdev", f"dgram,id=proxy,local.type=fd,local.str={self.theirs.fileno()}"]
        for port, end in enumerate((",netdev=boot", ",netdev=proxy", "")):
            command += ["-netdev", f"hubport,hubid=0,id=hub{port}{end}"]
        # Else OVMF tries PXE first, for a minute.
        return command + ["-device", "virtio-net-pci,netdev=hub2,romfile=,bootindex=0",
                          "-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=no"]

    def answer(self):
        while True:
            request = dhcp_request(self.wire.recv(65536))
            if request and is_for_us(request):
                self.wire.send(frame(offer(request, self.url)))


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def dhcp_request(data):
    """What is behind the heads of a frame to a DHCP server; None where it is another one."""
    head = ETHERNET + IP + UDP
    if len(data) < head + DHCP or data[12:14] != b"\x08\x00" or data[ETHERNET] != 0x45 or data[ETHERNET + 9] != 17:
        return None
    return data[head:] if struct.unpack_from("!H", data, ETHERNET + IP + 2)[0] == 67 else None


def is_for_us(request):
    options, at = {}, DHCP
    while at + 1 < len(request) and request[at] != END:
        if request[at]:
            options[request[at]] = request[at + 2:at + 2 + request[at + 1]]
            at += 1 + request[at + 1]
        at += 1
    return options.get(TYPE) == DISCOVER and options.get(CLASS, b"").startswith(HTTP_CLIENT)


def offer(request, url):
    """Of a boot file, and of no address."""
    options = b"".join(bytes([kind, len(value)]) + value for kind, value in (
        (TYPE, OFFER), (SERVER, OWN_IP), (CLASS, HTTP_CLIENT), (BOOT_FILE, url)))
    return (b"\x02\x01\x06\x00" + request[4:8] + request[8:12] + bytes(16) + request[28:44] + bytes(192) +
            request[236:240] + options + bytes([END]))


def frame(answer):
    """To everyone: the machine has no address yet."""
    udp = struct.pack("!4H", 67, 68, UDP + len(answer), 0) + answer
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, IP + len(udp), 0, 0, 64, 17, 0, OWN_IP, b"\xff" * 4)
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xffff) + (total >> 16)
    checksum = struct.pack("!H", ~((total & 0xffff) + (total >> 16)) & 0xffff)
    return b"\xff" * 6 + OWN_MAC + b"\x08\x00" + head[:10] + checksum + head[12:] + udp
