"""Processes, ports and folders of one run."""

import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path


class Failure(Exception):
    """Something that was tried out did not work."""


def free_port() -> int:
    """Below those that the system gives to outgoing connections, which could take it meanwhile."""
    while True:
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", random.randrange(10_000, 32_000)))
            except OSError:
                continue
            return listener.getsockname()[1]


def wait_until(what: str, condition, seconds: float = 90, processes=()):
    """Asks until the answer is true; tells the last reason, or the log of what has ended."""
    deadline = time.monotonic() + seconds
    while True:
        reason = ""
        try:
            if answer := condition():
                return answer
        except Exception as error:  # whatever it is, it may pass
            reason = f": {error}"
        for process in processes:
            process.must_run()
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds:.0f} s{reason}")
        time.sleep(0.1)


class Process:
    """A process with its log; it ends with this one."""

    def __init__(self, name: str, command: list, folder: Path, environment: dict) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [str(word) for word in command],
                env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"),
                     **environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )

    def must_run(self) -> None:
        if self.child.poll() is not None:
            raise Failure(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")

    def tail(self, characters: int = 4000) -> str:
        return self.log.read_text(errors="replace")[-characters:]

    def stop(self, seconds: float) -> float:
        """SIGTERM, and how long it took."""
        began = time.monotonic()
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise Failure(f"{self.name} did not end within {seconds} s of SIGTERM") from None
        return time.monotonic() - began

    def kill(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


def run(command: list, environment: dict | None = None, codes=(0,), text: str | None = None,
        only_output: bool = False, folder: Path | None = None) -> str:
    """A command to its end: what it printed, with or without standard error. It runs in `folder`."""
    answer = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, input=text,
        env={**os.environ, **(environment or {})}, timeout=300, cwd=folder,
    )
    if answer.returncode not in codes:
        words = " ".join(str(word) for word in command)
        raise Failure(f"`{words}` ended with {answer.returncode}:\n{answer.stdout[-2000:]}\n"
                      f"{answer.stderr[-3000:]}")
    return answer.stdout if only_output else answer.stdout + answer.stderr
