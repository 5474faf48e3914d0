"""What an image name means where there are no images: the nodes share this machine's files.

The first row whose prefix fits wins. `main` is run unless the node has `cmd` or `entrypoint`; `empty` are
folders that start empty in each node, `copied` those that each node may write to without the host noticing.
"""
from dataclasses import dataclass, field


@dataclass
class Image:
    prefix: str
    main: list
    empty: list = field(default_factory=list)
    copied: list = field(default_factory=list)
    needs: str = ""          # what must be on this machine, and the package that brings it
    package: str = ""


TABLE = [
    Image("frr", ["/bin/sh", "-c", "/usr/lib/frr/frrinit.sh start && exec sleep infinity"],
          copied=["/etc/frr"], needs="/usr/lib/frr/frrinit.sh", package="frr"),
    Image("bird", ["/usr/sbin/bird", "-f", "-c", "/etc/bird/bird.conf", "-s", "/run/bird/bird.ctl"],
          empty=["/run/bird"], needs="/usr/sbin/bird", package="bird2"),
    Image("keepalived", ["/usr/sbin/keepalived", "--dont-fork", "--log-console", "--log-detail",
                         "--use-file", "/etc/keepalived/keepalived.conf"],
          needs="/usr/sbin/keepalived", package="keepalived"),
    # The binaries lie in BIN, wherever they were built.
    Image("anyvip", ["anyvipd", "--config", "/etc/anyvip/anyvip.toml"], empty=["/var/lib/anyvip", "/run/anyvip"]),
]
OTHER = Image("", ["sleep", "infinity"])

# Each node finds the built binaries here, first in its PATH.
BIN = "/run/lab-bin"


def find(name):
    """The row for an image such as quay.io/frrouting/frr:10 or frr:lab."""
    last = name.rsplit("/", 1)[-1]
    return next((image for image in TABLE if last.startswith(image.prefix)), OTHER)
