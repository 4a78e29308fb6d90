"""Starts programs, waits until they answer, reads what they cost from /proc, and leaves none behind."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")
FLOOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "floor")


class Failure(Exception):
    """A program that did not start or a measure that went wrong; the run ends with its words."""


def build_tools(here):
    subprocess.run(["make", "-s", "-C", os.path.join(here, "floor")], check=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Program:
    def __init__(self, name, command, folder, env=None):
        self.name = name
        self.log = os.path.join(folder, f"{name}.log")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(env or {})}, start_new_session=True)

    @property
    def pids(self):
        """The process and its descendants: nginx works in a child."""
        found, open_ = [], [self.process.pid]
        while open_:
            pid = open_.pop()
            found.append(pid)
            try:
                with open(f"/proc/{pid}/task/{pid}/children") as file:
                    open_ += [int(word) for word in file.read().split()]
            except OSError:
                pass
        return found

    def cpu_seconds(self):
        """User and system time since the start, /proc/PID/stat fields 14 and 15."""
        total = 0
        for pid in self.pids:
            try:
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
            except OSError:
                pass
        return total / TICK

    def resident_kb(self, field="VmRSS"):
        """VmRSS: all that is resident; RssAnon: of it what is no file's page, such as program text that processes share."""
        total = 0
        for pid in self.pids:
            try:
                with open(f"/proc/{pid}/status") as file:
                    total += sum(int(line.split()[1]) for line in file if line.startswith(field + ":"))
            except OSError:
                pass
        return total

    def check(self):
        if self.process.poll() is not None:
            with open(self.log, errors="replace") as file:
                raise Failure(f"{self.name} ended with {self.process.returncode}:\n{file.read()[-2000:]}")

    def wait_for_port(self, port, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Failure(f"{self.name} does not listen on {port}; see {self.log}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                pass
        try:
            # The program leads its own group, so this reaches its children and nobody else.
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


class Workshop:
    """Owns the temporary folder and every program; both end with it."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="heddle-bench-")
        self.programs = []
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        return self

    def __exit__(self, *_):
        self.stop_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name, command, env=None):
        program = Program(name, command, self.folder, env)
        self.programs.append(program)
        return program

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def stop(self, program):
        program.stop()
        self.programs.remove(program)

    def stop_all(self):
        while self.programs:
            self.programs.pop().stop()
