"""What the machine says of processes: CPU from the scheduler's own count in nanoseconds, memory, noise."""

import os
import socket
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _fields(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def parent(pid):
    text = _fields(f"/proc/{pid}/stat")
    return int(text[text.rindex(")") + 2 :].split()[1]) if ")" in text else 0


def family(pid):
    """The process and all that descend from it."""
    parents = {int(d): parent(d) for d in os.listdir("/proc") if d.isdigit()}
    found = [pid]
    for known in found:
        found += [child for child, of in parents.items() if of == known]
    return found


def cpu_ns(pids):
    """Time on a CPU of every thread, in user and kernel. /proc/PID/stat would give steps of 10 ms."""
    total = 0
    for pid in pids:
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for thread in threads:
            words = _fields(f"/proc/{pid}/task/{thread}/schedstat").split()
            total += int(words[0]) if words else 0
    return total


def memory_kb(pids, field):
    """VmRSS (now) or VmHWM (the most there ever was), summed."""
    total = 0
    for pid in pids:
        for line in _fields(f"/proc/{pid}/status").splitlines():
            if line.startswith(field + ":"):
                total += int(line.split()[1])
    return total


class Noise:
    """How much of the machine went to others while we measured."""

    def __init__(self):
        self.begin = self._read()

    @staticmethod
    def _read():
        with open("/proc/stat") as f:
            return [int(n) for n in f.readline().split()[1:9]]

    def shares(self, own_ns):
        """Per cent of all CPU time that the hypervisor took, and that processes other than ours took."""
        spent = [b - a for a, b in zip(self.begin, self._read())]
        total, (idle, waiting), stolen = max(1, sum(spent)), spent[3:5], spent[7]
        own = own_ns / 1e9 * os.sysconf("SC_CLK_TCK")
        return 100.0 * stolen / total, max(0.0, 100.0 * (total - idle - waiting - stolen - own) / total)


def wait_for_quiet(secs):
    """Until the machine is nearly idle, but no longer than that."""
    end = time.monotonic() + secs
    while time.monotonic() < end:
        noise = Noise()
        time.sleep(0.25)
        if sum(noise.shares(0)) < 5:
            return
