"""How much memory there is, asked before something large is read into it."""

import re
from pathlib import Path

import psutil

from latentspace.core.errors import InputError

PROCESS = Path("/proc/self")
UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB", "EB")


def refuse_too_large(needed: int, what: str, advice: str) -> None:
    """Refuses, by an `InputError` with advice, what needs more bytes of memory than there are."""
    if needed > (available := measure_available()):
        needs = f"{what} needs {format_bytes(needed)} of memory"
        raise InputError(f"{needs}. There are {format_bytes(available)}: {advice}")


def measure_available() -> int:
    """Bytes of memory that this process can still take without swapping or being ended for it.

    The least of what the system, its control groups and a limit on its address space leave it.
    """
    left = [psutil.virtual_memory().available, _measure_address_space(), *_measure_control_groups()]
    return max(0, min(found for found in left if found is not None))


def format_bytes(count: int) -> str:
    """Bytes as a person reads them, such as "1.5 TB"."""
    size, unit = float(count), 0
    while size >= 999.5 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:,.0f} {UNITS[unit]}" if size >= 10 or unit == 0 else f"{size:.1f} {UNITS[unit]}"


def _measure_address_space() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    return limit - psutil.Process().memory_info().vms


def _measure_control_groups() -> list[int | None]:
    """What each group around this process, and those around that, leave it; None: no limit."""
    try:
        groups = (PROCESS / "cgroup").read_text().splitlines()
        mounts = [line.split() for line in (PROCESS / "mountinfo").read_text().splitlines()]
    except OSError:  # a system without such groups
        return []
    left = list[int | None]()
    for _, kinds, place in (line.split(":", 2) for line in groups):
        version = 1 if "memory" in kinds.split(",") else 2
        if kinds and version == 2:  # a group of the first version, of processors or the like
            continue
        for root, point in (found for line in mounts if (found := _parse_mount(line, version))):
            group = Path(point, place.removeprefix(root).lstrip("/"))
            for around in (group, *group.parents):
                if around.is_relative_to(point):
                    left.append(_measure_control_group(around, version))
    return left


def _parse_mount(mount: list[str], version: int) -> tuple[str, str] | None:
    """Root and mount point, where a line of mountinfo is a tree of groups that limit memory."""
    kind, options = mount[mount.index("-") + 1], mount[-1].split(",")
    limits = kind == "cgroup2" if version == 2 else kind == "cgroup" and "memory" in options
    return (mount[3], mount[4]) if limits else None


def _measure_control_group(group: Path, version: int) -> int | None:
    """Limit minus use; what is kept of files is given back when it is needed, and so is no use."""
    names = ("memory.max", "memory.current", "inactive_file")
    if version == 1:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    try:
        limit = int((group / names[0]).read_text())
        used = int((group / names[1]).read_text())
        kept = re.search(rf"^{names[2]} (\d+)$", (group / "memory.stat").read_text(), re.MULTILINE)
    except (OSError, ValueError):  # "max": no limit; and the outermost group has no such files
        return None
    return limit - used + (int(kept[1]) if kept else 0)
