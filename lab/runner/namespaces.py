"""Named network namespaces, as `ip netns` keeps them, and the processes that live in one."""
import os
import signal
import subprocess
import time

DIRECTORY = "/run/netns"


class CommandFailed(Exception):
    pass


def run(*argv):
    """Runs a command that must succeed; returns its output."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise CommandFailed("%s: %s" % (" ".join(argv), (done.stderr or done.stdout).strip()))
    return done.stdout


def path(name):
    return os.path.join(DIRECTORY, name)


def exists(name):
    return os.path.exists(path(name))


def add(name):
    run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")


def processes(name):
    """Who lives in the namespace. A process that was left over by a crash is found like any other."""
    try:
        wanted = os.stat(path(name))
    except FileNotFoundError:
        return []
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                its = os.stat("/proc/%s/ns/net" % entry)
            except OSError:
                continue            # it ended meanwhile
            if (its.st_dev, its.st_ino) == (wanted.st_dev, wanted.st_ino):
                found.append(int(entry))
    return found


def delete(name, timeout=10):
    """Ends what lives in the namespace and removes it; its interfaces go with it. Twice is once."""
    deadline = time.monotonic() + timeout
    while exists(name):
        left = processes(name)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not left:
            # A run that was killed between creating the file and mounting the namespace leaves a bare file.
            subprocess.run(["ip", "netns", "del", name], stdin=subprocess.DEVNULL, capture_output=True)
            if not exists(name):
                return
        if time.monotonic() > deadline:
            raise CommandFailed("network namespace %s will not go; processes in it: %s" % (name, left))
        time.sleep(0.01)


def child(pid):
    """The first child of a process, or None while there is none."""
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as children:
            return int(children.read().split()[0])
    except (OSError, IndexError):
        return None


def started(pid):
    """When a process started, in ticks since boot: with the pid it names a process for good. None: it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])
