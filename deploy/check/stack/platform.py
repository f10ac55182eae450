"""Secrets, roles and the services, as docker-compose.yml starts them."""

import json
import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from facts import DRAIN_SECONDS, PROGRAMS, ROOT, RUNNING
from stack.kafka import Broker
from stack.machine import Failure, Process, free_port, run, wait_until

SECRETS, CERTIFICATES = "/run/secrets/algotrade", "/run/certificates"


class Platform:
    """One variant of the compose file, running."""

    def __init__(self, name: str, model: dict, work: Path, binaries: Path, jmx: Path) -> None:
        self.services, self.binaries = model["services"], binaries
        self.folder = work / name
        self.folder.mkdir()
        self.secrets, self.certificates = self.folder / "secrets", self.folder / "certificates"
        self.database = f"stack_{name}_{os.getpid()}"
        self.make_secrets()
        paths = {SECRETS: str(self.secrets), CERTIFICATES: str(self.certificates)}
        self.broker = Broker(self.services["kafka"], self.folder, paths, jmx)
        self.ports = {service: free_port() for service in [*RUNNING, "simulator"]}
        self.processes: dict[str, Process] = {}

    def make_secrets(self) -> None:
        owners = self.owners()
        for folder in (self.secrets, self.certificates):
            folder.mkdir()
        run(["sh", ROOT / "deploy/compose/init-secrets.sh"],
            {"SECRETS_DIR": str(self.secrets), **owners})
        if "certificates" in self.services:
            run(["sh", ROOT / "deploy/compose/certificates.sh"],
                {"CERTIFICATES_DIR": str(self.certificates), **owners})
            # It names the path in the container.
            tool = self.secrets / "kafka-admin.properties"
            tool.chmod(0o600)
            tool.write_text(tool.read_text().replace(CERTIFICATES, str(self.certificates)))
        url = os.environ["ALGOTRADE_TEST_DATABASE"]
        found = re.fullmatch(r"postgres(?:ql)?://([^:@]+)(?::([^@]*))?@([^:]+):(\d+)/(\w+)", url)
        user, password, host, port, database = found.groups()
        self.postgres = {"PGHOST": host, "PGPORT": port, "PGUSER": user,
                         "PGPASSWORD": password or "", "PGDATABASE": database}
        run(["psql", "-qX", "-c", f"CREATE DATABASE {self.database}"], self.postgres)
        self.postgres["PGDATABASE"] = self.database
        own = self.secrets / "postgres-password"
        own.chmod(0o600)
        own.write_text(password or "")
        for service in RUNNING:
            address = self.secrets / f"database-url-{service}"
            address.chmod(0o600)
            address.write_text(address.read_text().replace(
                "@postgres:5432/algotrade", f"@{host}:{port}/{self.database}"))

    def owners(self) -> dict[str, str]:
        """For the scripts that hand files to their readers: all of them are we."""
        owner = f"{os.getuid()}:{os.getgid()}"
        return {f"{who}_OWNER": owner
                for who in ("SERVICES", "POSTGRES", "KAFKA", "GRAFANA", "GATEWAY")}

    def secret_texts(self) -> dict[str, str]:
        """Every secret of the installation, by the name of its file."""
        texts = {path.name: path.read_text().strip() for path in self.secrets.iterdir()}
        return {name: text for name, text in texts.items() if re.fullmatch("[0-9a-f]{64}", text)}

    def set_up(self) -> None:
        """The one-shots, twice: the second run must change nothing and succeed as well."""
        for _ in range(2):
            run(["sh", ROOT / "deploy/postgres/set-up.sh"],
                {**self.postgres, "SECRETS_DIR": str(self.secrets)})
            setup = self.services["kafka-setup"]
            run([self.binaries / "algotrade", *setup["command"]], self.environment("kafka-setup"))

    def environment(self, service: str) -> dict[str, str]:
        """The environment of a service, with this machine's addresses."""
        moved = {}
        for key, value in self.services[service]["environment"].items():
            for there, here in [(SECRETS, self.secrets), (CERTIFICATES, self.certificates)]:
                value = value.replace(there, str(here))
            if key == "ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS":
                value = self.broker.address()
            if key == "ALGOTRADE__REDIS__URL":
                value = os.environ["ALGOTRADE_TEST_REDIS"]
            if key == "ALGOTRADE__HTTP__LISTEN":
                value = f"127.0.0.1:{self.ports[service]}"
            for name, port in self.ports.items():
                value = re.sub(rf"//{name}:\d+", f"//127.0.0.1:{port}", value)
            moved[key] = value
        return moved

    def start(self) -> None:
        """Whatever doesn't run yet: the exchange doesn't stop when we do."""
        if "simulator" not in self.processes:
            self.start_simulator()
        for service in RUNNING:
            self.launch(service, self.program(service))
        for service in RUNNING:
            check = [*self.program(service), "healthcheck"]
            environment = self.environment(service)
            wait_until(f"{service}'s health check", lambda: run(check, environment) or True,
                       processes=[self.processes[service], self.broker.process])

    def program(self, service: str) -> list:
        """How a service is started, as in its image."""
        binary, *arguments = PROGRAMS[service]
        return [self.binaries / binary, *arguments]

    def start_simulator(self, *options: str) -> None:
        command = self.services["simulator"]["command"]
        listen = command[command.index("--listen") + 1]
        own = [f"127.0.0.1:{self.ports['simulator']}" if word == listen else word
               for word in command]
        self.launch("simulator", [self.binaries / "algotrade", *own, *options])

    def launch(self, service: str, command: list) -> None:
        self.processes[service] = Process(
            service, command, self.folder, self.environment(service))

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def stop(self) -> None:
        """Everything as compose stops it: SIGTERM, and done within the drain."""
        for service in [*RUNNING, "simulator"]:
            if service in self.processes:
                self.processes[service].stop(DRAIN_SECONDS + 5)
        self.broker.process.stop(60)

    def kill(self) -> None:
        for process in self.processes.values():
            process.kill()
        if hasattr(self, "broker"):
            self.broker.process.kill()

    def token(self, user: str, *options: str) -> str:
        environment = {"ALGOTRADE__AUTH__SECRET_FILE": str(self.secrets / "auth-secret")}
        return run([self.binaries / "algotrade", "token", user, *options], environment).strip()

    def status(self, method: str, service: str, path: str, token: str) -> int:
        """What a service answers, good or bad."""
        request = urllib.request.Request(self.url(service) + path, method=method,
                                         headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=35) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def call(self, method: str, service: str, path: str, token: str, body=None):
        request = urllib.request.Request(
            self.url(service) + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=35) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise Failure(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def new_strategy(self, token: str) -> dict:
        """The crossover, as a strategy of its own."""
        [source] = [template["source"]
                    for template in self.call("GET", "strategy", "/v1/templates", token)["items"]
                    if template["key"] == "sma_crossover"]
        return self.call("POST", "strategy", "/v1/strategies", token,
                         {"name": "Crossover", "kind": "graph", "source": source})

    def trade(self) -> str:
        """A session on the crossover, until it has traded; gives its path."""
        token = self.token("alice")
        strategy = self.new_strategy(token)
        session = self.call("POST", "forward-test", "/v1/sessions", token,
                            {"strategy_id": strategy["id"], "symbol": "BTCUSD"})
        path = f"/v1/sessions/{session['id']}"
        wait_until("the first trade", lambda: self.call(
            "GET", "forward-test", f"{path}/trades", token)["items"],
            processes=list(self.processes.values()))
        return path
