"""Carries IP packets between TUN devices, as a network that can be told to delay, lose and cut.

    network_switch.py SEED DEVICE:ADDRESS...

Reads one JSON object per line: {"delayMs": 50, "loss": 0.01, "cut": [["10.1.0.1", "10.1.0.2"], ...]}; "cut" names what
does not pass, from and to. Answers "ok" to each, and says "ready" first. Ends with its standard input.
"""
import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
MAX_PACKET = 65536
PACKETS_PER_LOOK = 64


def open_device(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
    return device


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def write(device, packet):
    try:
        os.write(device, packet)
    except OSError:
        pass  # The device is down, or its queue is full: a network loses such packets.


def main():
    chance = random.Random(int(sys.argv[1]))
    devices = {}
    for argument in sys.argv[2:]:
        name, address = argument.split(":")
        devices[socket.inet_aton(address)] = open_device(name)
    delay, loss, cut = 0.0, 0.0, set()
    waiting, count = [], 0
    poll = select.epoll()
    for device in devices.values():
        poll.register(device, select.EPOLLIN)
    poll.register(0, select.EPOLLIN)
    say("ready")
    while True:
        timeout = -1 if not waiting else max(0, waiting[0][0] - time.monotonic())
        for source, _ in poll.poll(timeout):
            if source == 0:
                line = sys.stdin.readline()
                if line == "":
                    return
                rules = json.loads(line)
                delay, loss = rules["delayMs"] / 1000, rules["loss"]
                cut = {(socket.inet_aton(a), socket.inet_aton(b)) for a, b in rules["cut"]}
                say("ok")
                continue
            for _ in range(PACKETS_PER_LOOK):
                try:
                    packet = os.read(source, MAX_PACKET)
                except OSError:
                    break
                target = packet[16:20]
                if packet[0] >> 4 != 4 or target not in devices or (packet[12:16], target) in cut:
                    continue
                if loss > 0 and chance.random() < loss:
                    continue
                if delay == 0:
                    write(devices[target], packet)
                else:
                    count += 1
                    heapq.heappush(waiting, (time.monotonic() + delay, count, target, packet))
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, target, packet = heapq.heappop(waiting)
            write(devices[target], packet)


main()
