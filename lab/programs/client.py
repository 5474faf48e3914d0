"""Requests http://ADDRESS:PORT/ every INTERVAL ms, each on a connection of its own, also while others wait.

One JSON line per request when it is over: {"at": start, "ms": duration, "from": who answered} or, instead of
"from", "error". Times are of CLOCK_MONOTONIC, which all nodes of a machine share. Ends with its stdin.
Usage: client.py ADDRESS [--port 80] [--interval 10] [--timeout 300] [--count N]
"""
import argparse
import errno
import json
import os
import selectors
import socket
import struct
import sys
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: vip\r\nConnection: close\r\n\r\n"


class Request:
    def __init__(self, family, target, selector):
        self.begin, self.data = time.monotonic(), b""
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        # Closed by a reset: no TIME_WAIT, so that hours of this do not use up the ports.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.selector, self.over, self.sent = selector, False, False
        code = self.socket.connect_ex(target)
        if code in (0, errno.EINPROGRESS):
            selector.register(self.socket, selectors.EVENT_WRITE, self)
        else:
            self.end(error=os.strerror(code))

    def ready(self):
        try:
            if not self.sent:
                code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    return self.end(error=os.strerror(code))
                self.socket.send(REQUEST)
                self.sent = True
                self.selector.modify(self.socket, selectors.EVENT_READ, self)
                return None
            data = self.socket.recv(4096)
        except OSError as error:
            return self.end(error=error.strerror)
        self.data += data
        head, _, body = self.data.partition(b"\r\n\r\n")
        if body.endswith(b"\n"):
            ok = head.startswith(b"HTTP/1.1 200 ")
            return self.end(**{"from" if ok else "error": body.decode(errors="replace").strip()})
        return None if data else self.end(error="closed early")

    def end(self, **how):
        if self.over:
            return
        self.over = True
        if self.socket in self.selector.get_map():
            self.selector.unregister(self.socket)
        self.socket.close()
        print(json.dumps({"at": round(self.begin, 5), "ms": round(1000 * (time.monotonic() - self.begin), 2), **how}),
              flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--interval", type=float, default=10)
    parser.add_argument("--timeout", type=float, default=300)
    parser.add_argument("--count", type=int)
    options = parser.parse_args()
    family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
    interval, timeout = options.interval / 1000, options.timeout / 1000
    selector, waiting, following, count = selectors.DefaultSelector(), [], time.monotonic(), 0
    stdin = sys.stdin.fileno() if options.count is None else None
    if stdin is not None:
        selector.register(stdin, selectors.EVENT_READ)
    while True:
        now = time.monotonic()
        more = options.count is None or count < options.count
        if more and now >= following:
            waiting.append(Request(family, (options.address, options.port), selector))
            count += 1
            following = max(following + interval, now - interval)       # late is late: no burst afterwards
        for request in waiting:
            if now - request.begin > timeout:
                request.end(error="timed out")
        waiting = [request for request in waiting if not request.over]
        if not more and not waiting:
            return
        deadlines = [request.begin + timeout for request in waiting[:1]] + ([following] if more else [])
        for key, _ in selector.select(max(0, min(deadlines) - time.monotonic())):
            if key.data is not None:
                key.data.ready()
            elif not os.read(stdin, 4096):
                return


main()
