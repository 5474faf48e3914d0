"""GoBGP's API in the few words that are needed here. Its messages are put together by hand after api/gobgp.proto of
version 3.10; gRPC itself is Debian's python3-grpcio, in a process of its own inside the speaker's node."""
import subprocess
import sys

BATCH = 500     # paths in one message of a stream

CLIENT = """
import sys
try:
    import grpc
except ImportError:
    sys.exit("python3-grpcio is not installed")
channel = grpc.insecure_channel("127.0.0.1:50051")
same = lambda octets: octets
add = channel.stream_unary("/apipb.GobgpApi/AddPathStream", request_serializer=same, response_deserializer=same)
remove = channel.unary_unary("/apipb.GobgpApi/DeletePath", request_serializer=same, response_deserializer=same)
def bodies(count):
    for _ in range(count):
        yield sys.stdin.buffer.read(int(sys.stdin.buffer.readline()))
print("ready", flush=True)
while words := sys.stdin.buffer.readline().split():
    if words[0] == b"add":
        add(bodies(int(words[1])))
    else:
        for body in bodies(int(words[1])):
            remove(body)
    print("done", flush=True)
"""


def varint(number):
    octets = b""
    while number > 127:
        octets, number = octets + bytes([number & 127 | 128]), number >> 7
    return octets + bytes([number])


def field(number, value):
    """A field of a protobuf message: a number, or octets."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    octets = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(octets)) + octets


def packed(name, body):
    """google.protobuf.Any"""
    return field(1, f"type.googleapis.com/apipb.{name}") + field(2, body)


FAMILY = field(1, 1) + field(2, 1)      # IPv4 unicast


def path(vip, next_hop):
    return (field(1, packed("IPAddressPrefix", field(1, 32) + field(2, vip))) +
            field(2, packed("OriginAttribute", field(1, 0))) +
            field(2, packed("NextHopAttribute", field(1, next_hop))) + field(9, FAMILY))


class Api:
    def __init__(self, node, next_hop):
        self.next_hop = next_hop
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--",
                                         *node.enter([sys.executable, "-c", CLIENT])],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.answer(b"ready")

    def answer(self, word):
        if self.process.stdout.readline().strip() != word:
            raise RuntimeError("GoBGP's API does not answer: is python3-grpcio installed?")

    def call(self, name, bodies):
        self.process.stdin.write(b"%s %d\n" % (name, len(bodies)) +
                                 b"".join(b"%d\n" % len(body) + body for body in bodies))
        self.process.stdin.flush()
        self.answer(b"done")

    def add(self, vips):
        self.call(b"add", [b"".join(field(3, path(vip, self.next_hop)) for vip in vips[at:at + BATCH])
                           for at in range(0, len(vips), BATCH)])

    def remove(self, vips):
        self.call(b"remove", [field(3, FAMILY) + field(4, path(vip, self.next_hop)) for vip in vips])
