"""A real server: answers every GET with the name of its node. `touch /tmp/sick` makes /healthz answer 503.

One process and no threads, so that it is quick also under user-mode-linux. Usage: web.py [PORT]
"""
import os
import selectors
import socket
import sys

NAME = os.environ.get("NAME") or socket.gethostname()


def answer(request):
    path = request.split(b" ", 2)[1] if request.count(b" ") >= 2 else b"/"
    sick = path == b"/healthz" and os.path.exists("/tmp/sick")
    body = (NAME + "\n").encode()
    return (b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            % (b"503 Service Unavailable" if sick else b"200 OK", len(body), body))


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 80
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256)
    listener.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            try:
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    connection.setblocking(False)
                    selector.register(connection, selectors.EVENT_READ, bytearray())
                    continue
                data = key.fileobj.recv(4096)
                key.data.extend(data)
                if data and b"\r\n\r\n" not in key.data and len(key.data) < 16384:
                    continue
                if b"\r\n\r\n" in key.data:
                    key.fileobj.sendall(answer(bytes(key.data)))
            except OSError:
                pass
            if key.fileobj is not listener:
                selector.unregister(key.fileobj)
                key.fileobj.close()


main()
