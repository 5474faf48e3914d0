"""PID 1 of a node: makes its file system its own, sets its sysctls, and keeps its main process.

Started in fresh mount, UTS, IPC and PID namespaces and the node's network namespace, with a JSON description on
stdin (see lab.Lab._start) and a pipe on which it says "ready", or what is wrong. It outlives the main process, as
no container's does: so a test can kill a daemon and start it again, and the node keeps its links.

    SIGTERM  passed on to the main process        SIGUSR2  SIGKILL for the main process
    SIGUSR1  start the main process (again)

The node dies with this process, and everything in it: the kernel sees to that for PID 1.
"""
import ctypes
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC = 1, 32, 4096, 16384
PRIVATE = ["/run", "/tmp", "/var/tmp", "/var/log/frr"]
libc = ctypes.CDLL(None, use_errno=True)
private = []          # folders that are this node's own


def mount(source, target, kind=None, flags=0, options=None):
    words = [word.encode() if word is not None else None for word in (source, target, kind, options)]
    if libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), target)


def hold(path):
    """A descriptor of a file or folder that stays good when something is mounted over its path."""
    return os.open(path, os.O_PATH)


def held(descriptor, name=""):
    return "/proc/self/fd/%d%s" % (descriptor, name)


def own_folder(path):
    """An empty folder of the node's own over an existing one, with the same owner and mode."""
    was = os.stat(path)
    mount("tmpfs", path, "tmpfs", 0, "mode=%o" % stat.S_IMODE(was.st_mode))
    os.chown(path, was.st_uid, was.st_gid)
    private.append(os.path.realpath(path))


def mirror(path):
    """A folder of the node's own that shows what the machine's shows, but takes new entries."""
    if path == "/":
        raise OSError("a node shares the machine's /; bind below a folder that exists")
    original = hold(path)
    own_folder(path)
    for entry in os.scandir(held(original)):
        target = os.path.join(path, entry.name)
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
        elif entry.is_dir():
            os.mkdir(target)
            mount(held(original, "/" + entry.name), target, None, MS_BIND | MS_REC)
        else:
            open(target, "x").close()
            mount(held(original, "/" + entry.name), target, None, MS_BIND)
    os.close(original)


def ensure(path, folder):
    """Makes `path` exist, without a trace on the machine's own file system."""
    path = os.path.realpath(path)
    if os.path.exists(path):
        return path
    base = os.path.dirname(path)
    while not os.path.exists(base):
        base = os.path.dirname(base)
    if not any(base == own or base.startswith(own + "/") for own in private):
        mirror(base)
    os.makedirs(path if folder else os.path.dirname(path), exist_ok=True)
    if not folder:
        open(path, "x").close()
    return path


def copy_folder(path):
    """A folder of the node's own with copies of the machine's files."""
    original = hold(path)
    own_folder(path)
    for entry in os.scandir(held(original)):
        if entry.is_file():
            was, target = entry.stat(), os.path.join(path, entry.name)
            shutil.copy(entry.path, target)
            os.chown(target, was.st_uid, was.st_gid)
    os.close(original)


def mounts(node):
    held_binds = [(bind, hold(bind["source"])) for bind in node["binds"]]       # before /run and /tmp hide them
    programs = hold(node["programs"]) if node["programs"] else None
    mount("proc", "/proc", "proc")
    mount("sysfs", "/sys", "sysfs")                 # this network namespace's /sys/class/net
    for path in PRIVATE + (["/var/run"] if not os.path.islink("/var/run") else []):
        if os.path.isdir(path):
            own_folder(path)
    os.mkdir("/run/lock")
    if programs is not None:
        os.mkdir(node["programs_at"])
        mount(held(programs), node["programs_at"], None, MS_BIND)
    for path in node["copied"]:
        copy_folder(path)
    for path in node["empty"]:
        path = ensure(path, True)
        if path not in private and not any(path.startswith(own + "/") for own in private):
            own_folder(path)
    for path in node["tmpfs"]:
        own_folder(ensure(path, True))
    for bind, source in held_binds:
        target = ensure(bind["target"], os.path.isdir(held(source)))
        mount(held(source), target, None, MS_BIND | MS_REC)
        if bind["read_only"]:
            mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY)
        os.close(source)


def sysctls(values):
    for key, value in values.items():
        path = "/proc/sys/" + key.replace(".", "/")
        try:
            with open(path, "w") as file:
                file.write(value)
        except OSError as error:
            raise OSError("sysctl %s=%s: %s" % (key, value, error.strerror)) from None


class Main:
    """The main process, and the file that tells of it: `running PID`, then `exited STATUS`."""

    def __init__(self, argv, env, status):
        self.argv, self.env, self.status, self.pid = argv, env, status, None

    def tell(self, text):
        os.pwrite(self.status, b"%-31s\n" % text.encode(), 0)        # one write of one length: never seen half done

    def start(self):
        if self.pid is None:
            process = subprocess.Popen(self.argv, env=self.env, cwd="/", stdin=subprocess.DEVNULL,
                                       start_new_session=True, preexec_fn=unblock)
            self.pid = process.pid
            process.returncode = 0      # reap() waits for it, not Popen
            self.tell("running %d" % self.pid)

    def signal(self, number):
        if self.pid is not None:
            os.kill(self.pid, number)

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.pid = None
                self.tell("exited %d" % os.waitstatus_to_exitcode(status))


def unblock():
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def main():
    answer = int(sys.argv[1])
    node = json.load(sys.stdin)
    signals = {signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        status = os.open(node["status"], os.O_WRONLY | os.O_CREAT, 0o644)
        socket.sethostname(node["hostname"])
        os.chdir("/")
        mounts(node)
        sysctls(node["sysctls"])
        process = Main(node["main"], node["env"], status)
        os.environ["PATH"] = node["env"]["PATH"]
        process.start()
    except OSError as error:
        where = "%s: " % error.filename if error.filename else ""
        os.write(answer, ("%s%s" % (where, error.strerror or error)).encode())
        sys.exit(1)
    os.write(answer, b"ready")
    os.close(answer)
    while True:
        number = signal.sigwait(signals)
        if number == signal.SIGCHLD:
            process.reap()
        elif number == signal.SIGTERM:
            process.signal(signal.SIGTERM)
        elif number == signal.SIGUSR2:
            process.signal(signal.SIGKILL)
        else:
            process.reap()
            process.start()


if __name__ == "__main__":
    main()
