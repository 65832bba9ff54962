"""Limits that the operating system sets to this process."""

import resource

import structlog

WANTED_OPEN_FILES = 16_384
FEW_OPEN_FILES = 2_048

log = structlog.get_logger()


def raise_open_files() -> int:
    """Raises the limit of open files as far as we may and need; returns it. Every bot costs a few connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    wanted = WANTED_OPEN_FILES if unlimited else min(hard, WANTED_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft < FEW_OPEN_FILES:
        log.warning("few_open_files", limit=soft, advice="raise it with ulimit -n")
    return soft
