"""What a command of the documentation does here: see docs.py. Usage: shim.py PLATFORM_JSON NAME WORD..."""

import json
import os
import sys
from pathlib import Path

# Those of a broker of our own are the container's, but for the port.
INSIDE = "localhost:9092"


def replace(words: list[str], environment: dict[str, str]) -> None:
    """Becomes another program."""
    os.execvpe(words[0], words, {**os.environ, **environment})


class Shim:
    def __init__(self, description: str) -> None:
        self.here = json.loads(Path(description).read_text())

    def program(self, name: str) -> str:
        return f"{self.here['binaries']}/{name}"

    def algotrade(self, words: list[str]) -> None:
        outside = f"127.0.0.1:{self.here['host_port']}"
        words = [word.replace("127.0.0.1:29092", outside) for word in words]
        environment = dict(self.here["environment"]["kafka-setup"])
        # Offline commands write their own logs; nobody asked for JSON.
        environment.pop("ALGOTRADE__LOG__FORMAT", None)
        replace([self.program("algotrade"), *words], environment)

    def curl(self, words: list[str]) -> None:
        # The gateway is tried by deploy/check/gateway.py; behind it is ops.
        words = [word.replace("http://localhost:8080/v1/ops", f"{self.here['ops']}/v1/ops")
                 for word in words]
        replace(["/usr/bin/curl", "--fail", "--silent", "--show-error", *words], {})

    def docker_compose(self, words: list[str]) -> None:
        command, *rest = words
        rest = [word for word in rest if word not in ("-T", "--rm", "-f")]
        getattr(self, f"compose_{command}")(rest)

    def compose_exec(self, words: list[str]) -> None:
        service, program, *arguments = words
        if service == "kafka":
            kafka = self.here["kafka"]
            arguments = [word.replace(INSIDE, f"localhost:{kafka['port']}") for word in arguments]
            replace([f"{kafka['path']}/{program}", *arguments], kafka["environment"])
        # An image has its own binary and no other.
        if program != self.here["programs"][service][0]:
            raise SystemExit(f"{service}: there is no {program} in its image")
        replace([self.program(program), *arguments], self.here["environment"][service])

    def compose_logs(self, words: list[str]) -> None:
        lines, services, words = None, [], list(words)
        while words:
            word = words.pop(0)
            if word.startswith("--tail"):
                lines = int(word.partition("=")[2] or words.pop(0))
            else:
                services.append(word)
        [service] = services
        self.must_know(service)
        log = Path(self.here["logs"]) / f"{service}.log"
        # One-shots and the gateway leave none here.
        text = log.read_text(errors="replace").splitlines() if log.exists() else []
        sys.stdout.write("".join(f"{line}\n" for line in text[-lines if lines else 0:]))

    def compose_ps(self, words: list[str]) -> None:
        for service in words or self.here["services"]:
            self.must_know(service)
            print(service)

    def compose_run(self, words: list[str]) -> None:
        service, *arguments = words
        self.must_know(service)
        if service == "kafka-setup":
            replace([self.program("algotrade"), *(arguments or ["setup"])],
                    self.here["environment"][service])
        script, environment = {
            "secrets-init": ("deploy/compose/init-secrets.sh", self.here["secrets"]),
            "database-setup": ("deploy/postgres/set-up.sh", self.here["postgres"]),
        }[service]
        replace(["sh", f"{self.here['root']}/{script}", *arguments], environment)

    def must_know(self, service: str) -> None:
        if service not in self.here["services"]:
            raise SystemExit(f"no such service: {service}")


def main() -> None:
    _, description, name, *words = sys.argv
    shim = Shim(description)
    if name in shim.here["programs"]:
        replace([shim.program(shim.here["programs"][name][0]), *words],
                shim.here["environment"][name])
    getattr(shim, name.replace("-", "_"))(words)


if __name__ == "__main__":
    main()
