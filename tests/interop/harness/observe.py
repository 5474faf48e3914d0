"""What a node sent, received and configured, in the order in which it happened.

Observer watches one interface with a packet socket and the kernel's addresses with a netlink socket, in one
process that never blocks. Packets carry the kernel's time stamp. An address change carries none, but the kernel
puts it into our queue while it makes it; so an interval is recorded: at `after` the queue was still empty, at
`time` the change had been read. With both, "the advertisement left before the address was there" and "the
address was there before the gratuitous ARP" can be refuted, however late we were scheduled.
"""
import json
import os
import pathlib
import subprocess
import sys

if __name__ != "__main__":
    from .wait import wait_for

ADVERTISEMENT, GRATUITOUS_ARP, NEIGHBOR_ADVERTISEMENT = "advertisement", "gratuitous_arp", "neighbor_advertisement"
END = "end of the connection"
ADDRESS_ADDED, ADDRESS_REMOVED = "address_added", "address_removed"


class Observer:
    """Records from its making to stop(); `events()` may be read at any time."""

    def __init__(self, node, interface="eth0"):
        self.node = node
        self.process = node.start(f"observer-{interface}", [
            sys.executable, "-S", "-E", "-u", pathlib.Path(__file__), interface])
        wait_for(lambda: '"ready"' in self.process.output(), 10, "the observer is ready")

    def destroy(self):
        self.process.kill()

    stop = destroy

    def events(self, *kinds, **fields):
        """Events of these kinds with these fields, in the order of their time."""
        found = []
        for line in self.process.output().splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue        # half a line: it is being written
            if event["kind"] in kinds and all(event.get(name) == value for name, value in fields.items()):
                found.append(event)
        return sorted(found, key=lambda event: event["time"])

    def first(self, *kinds, deadline=10, **fields):
        return wait_for(lambda: self.events(*kinds, **fields), deadline, f"{kinds} with {fields}")[0]

    def first_after(self, time, *kinds, deadline=10, **fields):
        return wait_for(lambda: [event for event in self.events(*kinds, **fields) if event["time"] > time], deadline,
                        f"{kinds} with {fields} after {time}")[0]


class Frames:
    """What an interface sees, by tcpdump; decoded by Wireshark's dissectors, which share no code with ours."""

    def __init__(self, node, interface, expression):
        self.node, self.file = node, node.folder / f"{interface}.pcap"
        self.process = node.start(f"tcpdump-{interface}", [
            "tcpdump", "-Z", "root", "--immediate-mode", "-U", "-n", "-i", interface, "-w", self.file, *expression.split()])
        wait_for(lambda: "listening on" in self.process.output(), 10, "tcpdump listens")

    def decoded(self, *fields, display=""):
        """One list of strings per frame."""
        words = ["tshark", "-n", "-r", self.file, "-T", "fields", "-o", "ip.check_checksum:TRUE"]
        words += ["-Y", display] if display else []
        words += [word for field in fields for word in ("-e", field)]
        text = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, timeout=60).stdout
        return [line.split("\t") for line in text.splitlines()]

    def messages_to(self, address, since):
        """What was said to this IPv4 address after a time: types of BGP messages, and END for a FIN or a reset."""
        to = f"ip.dst == {address} && frame.time_epoch > {since}"
        types = [kind for kinds, in self.decoded("bgp.type", display=f"bgp && {to}") for kind in kinds.split(",")]
        ends = self.decoded("frame.number", display=f"(tcp.flags.fin == 1 || tcp.flags.reset == 1) && {to}")
        return [int(kind) for kind in types] + ([END] if ends else [])

    def complaints(self, display):
        """What the dissectors mind about the protocols in these frames: that they are malformed, or break a rule. What
        they remark of TCP, a retransmission for one, belongs to neither group."""
        malformed, protocol = 0x07000000, 0x09000000
        return self.decoded("frame.number", "_ws.expert.message",
                            display=f"({display}) && _ws.expert.group in {{{malformed}, {protocol}}}")


def advertisement(payload, source, destination, family):
    version = payload[0] >> 4
    size = 4 if family == 4 else 16
    count = payload[3]
    interval = (payload[4] & 15) << 8 | payload[5] if version == 3 else payload[5] * 100
    addresses = [address_text(payload[8 + size * i:8 + size * (i + 1)]) for i in range(count)]
    return {"kind": ADVERTISEMENT, "version": version, "family": family, "vrid": payload[1], "priority": payload[2],
            "centiseconds": interval, "source": source, "destination": destination, "addresses": addresses}


def address_text(octets):
    import socket
    return socket.inet_ntop(socket.AF_INET if len(octets) == 4 else socket.AF_INET6, octets)


def decode(frame):
    """The event of an Ethernet frame, or None."""
    kind, body = frame[12:14], frame[14:]
    if kind == b"\x08\x06" and len(body) >= 28:
        if body[14:18] == body[24:28]:
            return {"kind": GRATUITOUS_ARP, "address": address_text(body[14:18]), "operation": body[7],
                    "sender": body[8:14].hex(":"), "ethernet_destination": frame[0:6].hex(":"),
                    "ethernet_source": frame[6:12].hex(":")}
    elif kind == b"\x08\x00" and len(body) >= 20 and body[9] == 112:
        event = advertisement(body[(body[0] & 15) * 4:], address_text(body[12:16]), address_text(body[16:20]), 4)
        return event | {"ttl": body[8], "ethernet_source": frame[6:12].hex(":")}
    elif kind == b"\x86\xdd" and len(body) >= 40 and body[6] == 112:
        event = advertisement(body[40:], address_text(body[8:24]), address_text(body[24:40]), 6)
        return event | {"ttl": body[7], "ethernet_source": frame[6:12].hex(":")}
    elif kind == b"\x86\xdd" and len(body) >= 64 and body[6] == 58 and body[40] == 136:
        return {"kind": NEIGHBOR_ADVERTISEMENT, "address": address_text(body[48:64]), "flags": body[44] >> 5,
                "source": address_text(body[8:24]), "destination": address_text(body[24:40])}
    return None


def address_changes(messages):
    """(kind, family, address, scope, flags) of each RTM_NEWADDR and RTM_DELADDR."""
    import struct
    while len(messages) >= 16:
        length, kind = struct.unpack_from("=IH", messages)
        body, messages = messages[16:length], messages[(length + 3) & ~3:]
        if kind not in (20, 21):
            continue
        family, prefix, flags, scope = body[0:4]
        attributes, found = body[8:], {}
        while len(attributes) >= 4:
            size, name = struct.unpack_from("=HH", attributes)
            found[name] = attributes[4:size]
            attributes = attributes[(size + 3) & ~3:]
        local = found.get(2) or found.get(1)
        flags = struct.unpack("=I", found[8])[0] if 8 in found else flags
        yield {"kind": ADDRESS_ADDED if kind == 20 else ADDRESS_REMOVED, "address": address_text(local), "prefix": prefix,
               "scope": scope, "flags": flags, "nodad": bool(flags & 0x02), "dadfailed": bool(flags & 0x08),
               "tentative": bool(flags & 0x40), "deprecated": bool(flags & 0x20)}


def observe(interface):
    import socket
    import struct
    import time
    timestampns = 35
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    packets.setsockopt(socket.SOL_SOCKET, timestampns, 1)
    packets.bind((interface, 3))
    addresses = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    addresses.bind((0, 0x10 | 0x100))       # RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
    for watched in (packets, addresses):
        watched.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        watched.setblocking(False)

    def say(event):
        os.write(1, (json.dumps(event) + "\n").encode())

    say({"kind": "ready", "time": time.time()})
    empty_at = time.time()
    idle = 0
    while True:
        busy = False
        begun = time.time()
        try:
            messages = addresses.recv(1 << 16)
            busy, seen = True, time.time()
            for event in address_changes(messages):
                say(event | {"time": seen, "after": empty_at})
        except BlockingIOError:
            empty_at = begun
        try:
            frame, control, _, origin = packets.recvmsg(1 << 16, 64)
            busy = True
            if event := decode(frame):
                seconds, nanoseconds = struct.unpack("=qq", control[0][2])
                say(event | {"time": seconds + nanoseconds / 1e9, "sent": origin[2] == socket.PACKET_OUTGOING})
        except BlockingIOError:
            pass
        # A round without anything gives way to others, without sleeping long: `after` stays close to the truth.
        idle = 0 if busy else idle + 1
        if idle > 10:
            time.sleep(0.0002)


if __name__ == "__main__":
    observe(sys.argv[1])
