"""A network that a machine boots from without rights of any kind: by HTTP, or over IPv6.

QEMU's user network gives addresses of IPv4 and leads to this machine, but its DHCP names no boot file by HTTP, and its
DHCPv6 gives no addresses, which OVMF wants. What it lacks comes from a second server on the same wire (UEFI 2.10:
"HTTP Boot", "PXE"; RFC 2131, RFC 8415). Files by HTTP come from a server on this machine's loopback.
"""
import functools
import http.server
import socket
import threading

from machine import dhcp

CLIENTS_HOST = {4: "10.0.2.2", 6: "[fec0::2]"}      # where QEMU's user network has this machine


class NetBoot:
    """Serves a directory, and names the file in it that is to be started."""

    def __init__(self, directory, name, by_http, version):
        self.directory, self.version, self.by_http = directory, version, by_http
        scheme, port = "tftp", ""
        serving = [self.answer]
        if by_http:
            server = Server6 if version == 6 else http.server.ThreadingHTTPServer
            handler = functools.partial(Files, directory=str(directory))
            self.files = server(("::1" if version == 6 else "127.0.0.1", 0), handler)
            scheme, port = "http", f":{self.files.server_address[1]}"
            serving.append(self.files.serve_forever)
        self.url = f"{scheme}://{CLIENTS_HOST[version]}{port}/{name}".encode()
        self.wire, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for serve in serving:
            threading.Thread(target=serve, daemon=True).start()

    def arguments(self):
        """QEMU's: its network and ours on one hub, with the machine."""
        tftp = "" if self.by_http else ",tftp=" + str(self.directory).replace(",", ",,")
        command = ["-netdev", "user,id=boot" + tftp,
                   "-netdev", f"dgram,id=proxy,local.type=fd,local.str={self.theirs.fileno()}"]
        for port, end in enumerate((",netdev=boot", ",netdev=proxy", "")):
            command += ["-netdev", f"hubport,hubid=0,id=hub{port}{end}"]
        # Else OVMF tries PXE first, for a minute or two.
        unwanted = [version for version in (4, 6) if self.by_http or version != self.version]
        return command + ["-device", "virtio-net-pci,netdev=hub2,romfile=,bootindex=0",
                          *(word for version in unwanted for word in (
                              "-fw_cfg", f"name=opt/org.tianocore/IPv{version}PXESupport,string=no"))]

    def answer(self):
        answer = dhcp.answer6 if self.version == 6 else dhcp.answer4
        while True:
            frame = answer(self.wire.recv(65536), self.url)
            if frame:
                self.wire.send(frame)


class Server6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
