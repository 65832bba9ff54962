"""Runs a program as another user and ties its life to its parent.

Usage: `python -I -S as_user.py UID GID REACH SIGNAL PARENT PROGRAM ...`

PostgreSQL refuses to run as root. This wrapper gives up root between fork and exec, in a process of its own, because a
`preexec_fn` is not safe in a process with threads. Standard library only: it must start in milliseconds.

REACH 1 keeps the right to pass through folders that only root may enter (a checkout below /root, a 0700 temp folder).
SIGNAL is sent to the program when the parent dies (Linux); 0 for none.
"""

import contextlib
import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


class _CapHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapData(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def become(uid: int, gid: int, *, reach: bool) -> None:
    """Gives up root; with `reach`, all of root's powers but the one to open any path.

    Source: capabilities(7), section "Ambient capabilities": the one kind that survives setuid and exec.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if reach and sys.platform == "linux":
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if reach and sys.platform == "linux":
        bit = 1 << _CAP_DAC_OVERRIDE
        data = (_CapData * 2)(_CapData(bit, bit, bit), _CapData(0, 0, 0))
        if libc.capset(ctypes.byref(_CapHeader(_CAPABILITY_VERSION_3, 0)), data) == 0:
            libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def die_with(parent: int, signal_number: int) -> None:
    """Has the kernel send a signal to this process when its parent dies. Must come after any change of user."""
    if sys.platform != "linux" or not signal_number:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent is gone already")


def main(argv: list[str]) -> None:
    uid, gid, reach, signal_number, parent = (int(a) for a in argv[:5])
    if os.geteuid() == 0 and uid != 0:
        become(uid, gid, reach=bool(reach))
    die_with(parent, signal_number)
    with contextlib.suppress(OSError):
        os.umask(0o077)
    os.execv(argv[5], argv[5:])


if __name__ == "__main__":
    main(sys.argv[1:])
