"""What the installation costs while little happens, and how long a service takes to be ready.

Memory is asserted. Times are printed only: they say as much of the machine as of the services.
"""

import http.client
import os
import time

from facts import DRAIN_SECONDS, RUNNING
from stack.machine import Failure, wait_until

# A market at a tenth of its speed: its heartbeats come just before they are missed.
SPEED = "0.1"
SECONDS = 20
# Of the whole stack without Kafka, Postgres and Redis.
MOST_MIB = 300
TICKS = os.sysconf("SC_CLK_TCK")


def check(platform, session: str) -> None:
    platform.call("POST", "forward-test", f"{session}/stop", platform.token("alice"), {})
    starts = {service: started(platform, service) for service in RUNNING}
    platform.processes["simulator"].kill()
    platform.start_simulator("--speed", SPEED)
    for service in RUNNING:
        wait_until(f"{service} on a quiet market", lambda service=service: ready(platform, service),
                   processes=[platform.processes[service]])
    before = {service: cpu(platform, service) for service in RUNNING}
    began = time.monotonic()
    time.sleep(SECONDS)
    took = time.monotonic() - began
    total = 0.0
    for service in RUNNING:
        share = (cpu(platform, service) - before[service]) / took * 100
        resident = memory(platform, service)
        total += resident
        print(f"  {service:<13} {resident:6.1f} MiB, {share:5.2f} % of a core, ready after "
              f"{starts[service] * 1000:.0f} ms")
    shares = sum(cpu(platform, service) - before[service] for service in RUNNING) / took * 100
    print(f"  all           {total:6.1f} MiB, {shares:5.2f} % of a core")
    if total > MOST_MIB:
        raise Failure(f"{total:.0f} MiB are more than {MOST_MIB}")


def started(platform, service: str) -> float:
    """Seconds from the start of its process until it is ready."""
    platform.processes[service].stop(DRAIN_SECONDS + 5)
    began = time.monotonic()
    platform.launch(service, platform.program(service))
    while not ready(platform, service):
        platform.processes[service].must_run()
        if time.monotonic() - began > 60:
            raise Failure(f"{service} is not ready after a minute")
        time.sleep(0.01)
    return time.monotonic() - began


def ready(platform, service: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", platform.ports[service], timeout=5)
    try:
        connection.request("GET", "/healthz/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def cpu(platform, service: str) -> float:
    """Seconds of processor time so far."""
    path = f"/proc/{platform.processes[service].child.pid}/stat"
    with open(path, encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(platform, service: str) -> float:
    """Resident MiB."""
    path = f"/proc/{platform.processes[service].child.pid}/status"
    with open(path, encoding="utf-8") as file:
        [line] = [line for line in file if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024
