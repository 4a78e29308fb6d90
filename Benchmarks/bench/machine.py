"""What this machine is: figures mean nothing without it."""
import os
import platform


def facts():
    return {"cpu": cpu_name(), "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "system": system_name(), "memory_mb": memory_mb(), "load": os.getloadavg()[0]}


def cpu_name():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def system_name():
    with open("/etc/os-release") as file:
        for line in file:
            if line.startswith("PRETTY_NAME="):
                return line.split("=", 1)[1].strip().strip('"')
    return platform.system()


def memory_mb():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
