"""Labs that need IPVS, on a machine whose running kernel has none: they run whole in user-mode-linux."""
import os
import shutil
import subprocess
import sys

LABEL = "anyvip.needs"
ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


def missing(topology):
    """What the lab's nodes need (label anyvip.needs) and this kernel lacks, or None."""
    needs = {word for node in topology.nodes.values() for word in node.labels.get(LABEL, "").replace(",", " ").split()}
    return "IPVS" if "ipvs" in needs and not kernel_has_ipvs() else None


def kernel_has_ipvs():
    if os.path.exists("/proc/net/ip_vs"):
        return True
    modprobe = shutil.which("modprobe")
    return bool(modprobe) and subprocess.run([modprobe, "-q", "ip_vs"], stdin=subprocess.DEVNULL,
                                             stderr=subprocess.DEVNULL).returncode == 0


def umlrun():
    return os.environ.get("ANYVIP_UMLRUN") or os.path.join(ROOT, "tests", "uml", "umlrun")


def say(topology, lacking):
    print("lab %s: the running kernel has no %s: the whole lab runs inside user-mode-linux" % (topology.name, lacking),
          flush=True)


def rerun(argv, timeout=600, memory="1536M"):
    """Runs argv in a user-mode-linux guest instead of here; does not return."""
    program = umlrun()
    os.execv(sys.executable, [sys.executable, program, "--mem", memory, "--timeout", str(timeout), "--", *argv])
