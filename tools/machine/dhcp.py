"""Answers to DHCP requests of firmware that boots: whole frames in, whole frames out."""
import struct

OWN_MAC, OWN_IP = bytes.fromhex("525500000203"), bytes([10, 0, 2, 3])
OWN_IP6 = bytes.fromhex("fe800000000000005055000000000203")
CLIENTS_IP6 = bytes.fromhex("fec0000000000000000000000000000f")     # in the network that QEMU announces
ETHERNET, IP, IP6, UDP, DHCP = 14, 20, 40, 8, 240    # bytes of their heads; DHCP's with the magic number
UDP_PROTOCOL = 17
HTTP_CLIENT = b"HTTPClient"

# DHCP (RFC 2132)
DISCOVER, OFFER = b"\x01", b"\x02"
END, TYPE, SERVER, CLASS, BOOT_FILE = 255, 53, 54, 60, 67

# DHCPv6 (RFC 8415, RFC 5970)
SOLICIT6, ADVERTISE6, REQUEST6, REPLY6 = 1, 2, 3, 7
CLIENT_ID6, SERVER_ID6, ADDRESSES6, ADDRESS6, CLASS6, BOOT_FILE6 = 1, 2, 3, 5, 16, 59
OWN_ID6 = b"\x00\x03\x00\x01" + OWN_MAC
INTEL = 343         # whose list of vendor classes PXE's and HTTP boot's are in
LIFE = 7200         # seconds


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


# --- IPv4: a server that names a boot file, and gives no addresses -------------------------------------


def answer4(data, url):
    """The frame that answers a frame, or None."""
    head = ETHERNET + IP + UDP
    if len(data) < head + DHCP or data[12:14] != b"\x08\x00" or data[ETHERNET] != 0x45:
        return None
    if data[ETHERNET + 9] != UDP_PROTOCOL or struct.unpack_from("!H", data, ETHERNET + IP + 2)[0] != 67:
        return None
    request = data[head:]
    return frame4(offer4(request, url)) if is_for_us4(request) else None


def is_for_us4(request):
    options, at = {}, DHCP
    while at + 1 < len(request) and request[at] != END:
        if request[at]:
            options[request[at]] = request[at + 2:at + 2 + request[at + 1]]
            at += 1 + request[at + 1]
        at += 1
    return options.get(TYPE) == DISCOVER and options.get(CLASS, b"").startswith(HTTP_CLIENT)


def offer4(request, url):
    options = b"".join(bytes([kind, len(value)]) + value for kind, value in (
        (TYPE, OFFER), (SERVER, OWN_IP), (CLASS, HTTP_CLIENT), (BOOT_FILE, url)))
    return (b"\x02\x01\x06\x00" + request[4:8] + request[8:12] + bytes(16) + request[28:44] + bytes(192) +
            request[236:240] + options + bytes([END]))


def frame4(answer):
    """To everyone: the machine has no address yet."""
    udp = struct.pack("!4H", 67, 68, UDP + len(answer), 0) + answer
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, IP + len(udp), 0, 0, 64, UDP_PROTOCOL, 0, OWN_IP, b"\xff" * 4)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return b"\xff" * 6 + OWN_MAC + b"\x08\x00" + head + udp


# --- IPv6: a server that gives an address and names a boot file ----------------------------------------


def answer6(data, url):
    """The frame that answers a frame, or None."""
    head = ETHERNET + IP6 + UDP
    if len(data) < head + 4 or data[12:14] != b"\x86\xdd" or data[ETHERNET + 6] != UDP_PROTOCOL:
        return None
    if struct.unpack_from("!H", data, ETHERNET + IP6 + 2)[0] != 547:
        return None
    request = data[head:]
    kind = {SOLICIT6: ADVERTISE6, REQUEST6: REPLY6}.get(request[0])
    if not kind:
        return None
    return frame6(data[6:12], data[ETHERNET + 8:ETHERNET + 24], bytes([kind]) + request[1:4] + options6(request, url))


def option6(code, value):
    return struct.pack("!HH", code, len(value)) + value


def options6(request, url):
    asked, at = {}, 4
    while at + 4 <= len(request):
        code, length = struct.unpack_from("!HH", request, at)
        asked[code] = request[at + 4:at + 4 + length]
        at += 4 + length
    address = option6(ADDRESS6, CLIENTS_IP6 + struct.pack("!II", LIFE, LIFE))
    lease = asked.get(ADDRESSES6, bytes(12))[:4] + struct.pack("!II", LIFE // 2, LIFE) + address
    answer = option6(CLIENT_ID6, asked.get(CLIENT_ID6, b"")) + option6(SERVER_ID6, OWN_ID6) + option6(ADDRESSES6, lease)
    if HTTP_CLIENT in asked.get(CLASS6, b""):
        answer += option6(CLASS6, struct.pack("!IH", INTEL, len(HTTP_CLIENT)) + HTTP_CLIENT)
    return answer + option6(BOOT_FILE6, url)


def frame6(mac, address, answer):
    udp = struct.pack("!4H", 547, 546, UDP + len(answer), 0) + answer
    ends = OWN_IP6 + address
    pseudo = ends + struct.pack("!II", len(udp), UDP_PROTOCOL) + udp + bytes(len(udp) % 2)
    udp = udp[:6] + struct.pack("!H", checksum(pseudo) or 0xffff) + udp[8:]
    return mac + OWN_MAC + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(udp), UDP_PROTOCOL, 64) + ends + udp
