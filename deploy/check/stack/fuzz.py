"""Sends each service what its OpenAPI document allows and what it doesn't: no 5xx, no hang."""

import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from facts import RUNNING
from stack.machine import Failure, run

# Events without an end, which a caller could only hang on; and what is not JSON over HTTP.
ENDLESS = "/(market/stream|connection/(websocket|sse|http_stream))"
# Seconds; a service answers after 30 by itself.
TIMEOUT = 35
EXAMPLES = 12


def check(platform, _session) -> None:
    # As an operator, who is let in everywhere a user is, and to more.
    token = platform.token("mallory", "--operator")
    with ThreadPoolExecutor(2) as pool:
        jobs = {service: pool.submit(one, platform, service, token) for service in RUNNING}
    for service, job in jobs.items():
        told = job.result()
        print(f"  {service}: {told}")
        if not re.match(r"[1-9]\d* generated", told):
            raise Failure(f"{service} was asked nothing")
    for process in platform.processes.values():
        process.must_run()


def one(platform, service: str, token: str) -> str:
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    answer = run(
        [program, "run", f"{platform.url(service)}/openapi.json",
         "--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing",
         "--exclude-path-regex", ENDLESS, "--max-examples", EXAMPLES, "--max-time", "20",
         "--request-timeout", TIMEOUT, "--generation-deterministic", "--no-color",
         "--suppress-health-check", "all", "--warnings", "off",
         "-H", f"Authorization: Bearer {token}"],
        # It keeps what it has found where it runs.
        {"HOME": str(platform.folder)}, folder=platform.folder)
    return [line.strip() for line in answer.splitlines() if "generated" in line][-1]
