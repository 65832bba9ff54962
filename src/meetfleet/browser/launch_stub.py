"""Becomes Chromium: puts its pipes where it looks for them and binds its life to its parent's.

Run as `python -I -S launch_stub.py READ_FD WRITE_FD PARENT_PID PROGRAM ARGS...`. A stub instead of `preexec_fn`, which
is unsafe in a process with threads. Imports nothing of ours, so that it starts in milliseconds.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    read_fd, write_fd, parent_pid = (int(arg) for arg in sys.argv[1:4])
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # the parent died before the request took effect
        os._exit(1)
    high_read, high_write = _above(os.dup(read_fd)), _above(os.dup(write_fd))  # out of the way of 3 and 4
    os.close(read_fd)
    os.close(write_fd)
    os.dup2(high_read, 3)
    os.dup2(high_write, 4)
    os.execv(sys.argv[4], sys.argv[4:])  # exec closes every other descriptor


def _above(fd: int) -> int:
    while fd <= 4:
        fd = os.dup(fd)
    return fd


main()
