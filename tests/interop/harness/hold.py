"""One thread of a process, held as if it hung in a system call."""
import pathlib

from .wait import wait_for

# A tracer of its own: what it holds goes on when it ends, and the process that it holds can end in between.
HOLD = """
import ctypes, os, sys
SEIZE, INTERRUPT, WAIT_FOR_THREADS = 0x4206, 0x4207, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
thread = int(sys.argv[1])
for request in (SEIZE, INTERRUPT):
    if libc.ptrace(request, thread, None, None) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(thread, WAIT_FOR_THREADS)
print('held', flush=True)
os.waitpid(thread, WAIT_FOR_THREADS)    # Its end: the process is not gone before its tracer has heard of it.
"""


def hold_thread(process, name):
    """Stops the thread of that name and returns the holder: its kill() lets the thread go on."""
    threads = [task for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir()
               if (task / "comm").read_text().strip() == name]
    # The main thread bears the process's name, and lends it to those that took none of their own.
    threads = [thread for thread in threads if int(thread.name) == process.pid] or threads
    if len(threads) != 1:
        raise AssertionError(f"{process.name} has {len(threads)} threads named {name}")
    (thread,) = threads
    # Idle: a thread that is stopped while it holds a lock would hold up more than itself.
    wait_for(lambda: (thread / "wchan").read_text() in ("ep_poll", "do_epoll_wait"), 5,
             f"the thread {name} waits for events")
    holder = process.node.start(f"hold-{name}", ["/usr/bin/python3", "-S", "-E", "-c", HOLD, thread.name])
    wait_for(lambda: "held" in holder.output(), 10, f"the thread {name} is held")
    return holder
