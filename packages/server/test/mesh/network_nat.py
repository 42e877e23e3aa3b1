"""Carries IP packets between TUN devices: hosts on an open network, and hosts behind routers that translate addresses.

    network_nat.py DEVICE:ADDRESS[:ROUTER]...

A host with a ROUTER address is behind a router of its own, which the others see in its place. As most home routers do, it keeps the
port of a host where it can, and lets in only what comes from an address and port to which the same port of the host has sent before:
all else vanishes. Hosts behind different routers may have the same address.

Reads one JSON object per line: {"forward": [["198.51.100.1", 9443], ...]}; to these ports of routers anybody may send. Answers
"ok" to each, and says "ready" first. Ends with its standard input.
"""
import fcntl
import json
import os
import select
import socket
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
MAX_PACKET = 65536
PACKETS_PER_LOOK = 64
TCP, UDP = 6, 17
FIRST_PORT, PORTS = 20000, 40000


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def open_device(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
    return device


def write(device, packet):
    try:
        os.write(device, packet)
    except OSError:
        pass  # The device is down, or its queue is full: a network loses such packets.


def replace(packet, at, new, sums):
    """Puts other bytes into a packet, and corrects the checksums that cover them (RFC 1624)."""
    old = bytes(packet[at : at + len(new)])
    packet[at : at + len(new)] = new
    for place in sums:
        total = ~struct.unpack_from("!H", packet, place)[0] & 0xFFFF
        for i in range(0, len(new), 2):
            total += (~struct.unpack_from("!H", old, i)[0] & 0xFFFF) + struct.unpack_from("!H", new, i)[0]
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        struct.pack_into("!H", packet, place, ~total & 0xFFFF)


class Packet:
    """A packet of TCP or UDP over IPv4; `kind` is None for any other."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.kind = None
        if len(data) < 28 or data[0] >> 4 != 4 or data[9] not in (TCP, UDP):
            return
        self.kind = data[9]
        self.at = (data[0] & 15) * 4
        self.source = (bytes(data[12:16]), struct.unpack_from("!H", data, self.at)[0])
        self.target = (bytes(data[16:20]), struct.unpack_from("!H", data, self.at + 2)[0])
        inner = self.at + (16 if self.kind == TCP else 6)
        has_sum = self.kind == TCP or data[inner : inner + 2] != b"\0\0"
        self.inner = [inner] if has_sum else []

    def from_(self, address, port):
        replace(self.data, 12, address, [10] + self.inner)
        replace(self.data, self.at, struct.pack("!H", port), self.inner)
        self.source = (address, port)

    def to(self, address, port):
        replace(self.data, 16, address, [10] + self.inner)
        replace(self.data, self.at + 2, struct.pack("!H", port), self.inner)
        self.target = (address, port)


class Router:
    def __init__(self, address, host, device):
        self.address, self.host, self.device = address, host, device
        self.outside, self.inside, self.spoken = {}, {}, set()
        self.forwarded = set()

    def out(self, packet):
        key = (packet.kind, packet.source[1])
        if key not in self.outside:
            port = packet.source[1]
            while (packet.kind, port) in self.inside:
                port = FIRST_PORT + (port + 1) % PORTS
            self.outside[key] = port
            self.inside[(packet.kind, port)] = packet.source[1]
        port = self.outside[key]
        self.spoken.add((packet.kind, port, packet.target))
        packet.from_(self.address, port)

    def take(self, packet):
        port = packet.target[1]
        if port in self.forwarded:
            inner = port
        elif (packet.kind, port, packet.source) in self.spoken:
            inner = self.inside[(packet.kind, port)]
        else:
            return
        packet.to(self.host, inner)
        write(self.device, packet.data)


def main():
    routers, hosts, sources = {}, {}, {}
    for argument in sys.argv[1:]:
        name, address, *router = argument.split(":")
        device, host = open_device(name), socket.inet_aton(address)
        if router:
            outside = socket.inet_aton(router[0])
            routers[outside] = sources[device] = Router(outside, host, device)
        else:
            hosts[host] = device
            sources[device] = None
    poll = select.epoll()
    for device in sources:
        poll.register(device, select.EPOLLIN)
    poll.register(0, select.EPOLLIN)
    say("ready")
    while True:
        for source, _ in poll.poll():
            if source == 0:
                line = sys.stdin.readline()
                if line == "":
                    return
                forward = json.loads(line)["forward"]
                for address, router in routers.items():
                    router.forwarded = {port for at, port in forward if socket.inet_aton(at) == address}
                say("ok")
                continue
            for _ in range(PACKETS_PER_LOOK):
                try:
                    packet = Packet(os.read(source, MAX_PACKET))
                except OSError:
                    break
                if packet.kind is None:
                    continue
                if sources[source] is not None:
                    sources[source].out(packet)
                if packet.target[0] in hosts:
                    write(hosts[packet.target[0]], packet.data)
                elif packet.target[0] in routers:
                    routers[packet.target[0]].take(packet)


main()
