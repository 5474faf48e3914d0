"""One end of a BGP connection, octet by octet: for orders of events and for octets that no router would send.

Nothing here shares code or assumptions with the daemon: messages are put together as the figures of RFC 4271 §4 have
them, and what is received is cut by its length field alone.
"""
import select
import socket
import struct
import time

PORT = 179
OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH = 1, 2, 3, 4, 5
EXTENDED_MESSAGE = b"\x06\x00"


def message(kind, body=b"", length=None, marker=b"\xff" * 16):
    """Header and body; `length` for one that does not tell the truth."""
    return marker + struct.pack("!HB", 19 + len(body) if length is None else length, kind) + body


def open_body(asn, router_id, hold_time=90, capabilities=b""):
    """IPv4 unicast and four-octet AS, and what else is asked for."""
    capabilities = b"\x01\x04\x00\x01\x00\x01" + b"\x41\x04" + struct.pack("!I", asn) + capabilities
    parameters = struct.pack("!BB", 2, len(capabilities)) + capabilities
    return (struct.pack("!BHH", 4, asn, hold_time) + socket.inet_aton(router_id) +
            struct.pack("!B", len(parameters)) + parameters)


def attribute(flags, kind, value):
    if len(value) > 255:
        return struct.pack("!BBH", flags | 0x10, kind, len(value)) + value
    return struct.pack("!BBB", flags, kind, len(value)) + value


def path(asn, next_hop):
    """The mandatory attributes of a route from an external peer."""
    return (attribute(0x40, 1, b"\x00") + attribute(0x40, 2, b"\x02\x01" + struct.pack("!I", asn)) +
            attribute(0x40, 3, socket.inet_aton(next_hop)))


def update_body(attributes=b"", nlri=b"", withdrawn=b""):
    return struct.pack("!H", len(withdrawn)) + withdrawn + struct.pack("!H", len(attributes)) + attributes + nlri


class RawBgp:
    """A connected socket."""

    def __init__(self, connection):
        self.socket = connection
        self.octets = b""
        self.ended = False

    @classmethod
    def connect(cls, node, source, destination, port=PORT, deadline=5):
        """Opens a connection from an address of the node."""
        connection = node.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.settimeout(deadline)
        connection.bind((source, 0))
        connection.connect((destination, port))
        return cls(connection)

    @staticmethod
    def listener(node, address, port=PORT):
        """A listening socket; accept() makes a RawBgp of what comes."""
        listener = node.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(64)
        return listener

    @classmethod
    def accept(cls, listener, deadline=10):
        listener.settimeout(deadline)
        connection, _ = listener.accept()
        return cls(connection)

    def send(self, octets):
        self.socket.sendall(octets)

    def try_send(self, octets):
        """False when the other end has had enough."""
        try:
            self.socket.sendall(octets)
            return True
        except OSError:
            self.ended = True
            return False

    def open(self, asn, router_id, **more):
        self.send(message(OPEN, open_body(asn, router_id, **more)))

    def keepalive(self):
        self.send(message(KEEPALIVE))

    def receive(self, deadline=10):
        """The next message as (type, body); None when the connection ends or nothing comes in time."""
        end = time.monotonic() + deadline
        while True:
            if len(self.octets) >= 19:
                length, kind = struct.unpack("!HB", self.octets[16:19])
                if len(self.octets) >= length:
                    body, self.octets = self.octets[19:length], self.octets[length:]
                    return kind, body
            left = end - time.monotonic()
            if self.ended or left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            try:
                octets = self.socket.recv(65536)
            except OSError:
                octets = b""
            self.ended = not octets
            self.octets += octets

    def expect(self, kind, deadline=10):
        """Passes over KEEPALIVEs and UPDATEs that come first, and returns the body."""
        end = time.monotonic() + deadline
        while True:
            received = self.receive(max(end - time.monotonic(), 0))
            if received is None:
                raise AssertionError(f"no message of type {kind} within {deadline} s; the end has come: {self.ended}")
            if received[0] == kind:
                return received[1]
            if received[0] not in (KEEPALIVE, UPDATE):
                raise AssertionError(f"instead of a message of type {kind}: {received}")

    def outcome(self, deadline=10):
        """How it ends: (code, subcode) of the NOTIFICATION, "closed" without one, "open" when it does not."""
        end = time.monotonic() + deadline
        while (received := self.receive(max(end - time.monotonic(), 0))) is not None:
            if received[0] == NOTIFICATION:
                return received[1][0], received[1][1]
        return "closed" if self.ended else "open"

    def establish(self, asn, router_id, **more):
        self.open(asn, router_id, **more)
        self.expect(OPEN)
        self.expect(KEEPALIVE)
        self.keepalive()

    def reset(self):
        """Ends with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    destroy = close
