"""A broker with exactly the settings that docker-compose.yml gives it, and Kafka's own tools."""

import os
import re
from pathlib import Path

from facts import ROOT
from stack.machine import Process, free_port, run, wait_until

# As the image translates its environment; the longest first.
SEPARATORS = [("___", "-"), ("__", "\0"), ("_", "."), ("\0", "_")]
# Read by the image's scripts and the JVM, not by Kafka.
NOT_SETTINGS = {"KAFKA_HEAP_OPTS", "KAFKA_OPTS", "KAFKA_TOOL_CONFIG"}
TOOLS = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-acls": "org.apache.kafka.tools.AclCommand",
    "kafka-configs": "org.apache.kafka.tools.ConfigCommand",
}
JVM = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]


def libraries() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = re.search(r"^ARG KAFKA_VERSION=(.+)$",
                        (ROOT / "deploy/kafka/Dockerfile").read_text(), re.M).group(1)
    return cache / "algotrade" / f"kafka-{version}" / "libs"


class Broker:
    """The service `kafka` of a compose model, as a process of this machine."""

    def __init__(self, service: dict, folder: Path, paths: dict[str, str], jmx: Path) -> None:
        self.folder = folder / "kafka"
        self.folder.mkdir()
        self.volumes = self.folder / "volumes"
        self.environment = service["environment"]
        self.paths = {**paths, "/var/lib/kafka/data": str(self.volumes / "kafka"),
                      "/opt/jmx-exporter/agent.jar": str(jmx),
                      "/opt/jmx-exporter/rules.yml": str(ROOT / "deploy/kafka/jmx-exporter.yml")}
        listeners = re.findall(r"(\w+)://[^:,]*:(\d+)", self.environment["KAFKA_LISTENERS"])
        self.ports = {name: free_port() for name, _ in listeners}
        self.moved = {port: self.ports[name] for name, port in listeners}
        self.metrics_port = free_port()
        self.java = ["java", "-cp", f"{libraries()}/*"]
        self.write_tools()
        self.process = self.start()

    def address(self) -> str:
        return f"127.0.0.1:{self.ports['INTERNAL']}"

    def here(self, value: str) -> str:
        """A value of the container's, as it is on this machine."""
        for there, path in self.paths.items():
            value = value.replace(there, path)
        for port, moved in self.moved.items():
            value = re.sub(rf"([\w.]*):{port}\b", rf"127.0.0.1:{moved}", value)
        return value

    def properties(self) -> str:
        lines = []
        for key, value in sorted(self.environment.items()):
            if not key.startswith("KAFKA_") or key in NOT_SETTINGS:
                continue
            name = key.removeprefix("KAFKA_").lower()
            for separator, meaning in SEPARATORS:
                name = name.replace(separator, meaning)
            lines.append(f"{name}={self.here(value)}")
        return "\n".join(lines) + "\n"

    def start(self) -> Process:
        settings = self.folder / "server.properties"
        settings.write_text(self.properties())
        run([*self.java, *JVM, "kafka.tools.StorageTool", "format", "--ignore-formatted",
             "-t", self.environment["CLUSTER_ID"], "-c", settings])
        options = [self.here(option).replace("=9404:", f"=127.0.0.1:{self.metrics_port}:")
                   for option in self.environment["KAFKA_OPTS"].split()]
        heap = self.environment["KAFKA_HEAP_OPTS"].split()
        process = Process("kafka", [*self.java[:1], *heap, *JVM, *options, *self.java[1:],
                                    "kafka.Kafka", settings], self.folder.parent, {})
        health = self.tool("kafka-broker-api-versions", "--bootstrap-server", "localhost:9092")
        wait_until("the broker's own health check", lambda: run(*health), processes=[process])
        return process

    def write_tools(self) -> None:
        """kafka-tool of the image, in front of Kafka's classes instead of Kafka's scripts."""
        scripts, self.path = self.folder / "bin", self.folder / "path"
        scripts.mkdir()
        self.path.mkdir()
        for name, main in TOOLS.items():
            script = scripts / f"{name}.sh"
            script.write_text(f"#!/bin/sh\nexec java -cp '{libraries()}/*' $KAFKA_HEAP_OPTS "
                              f"{' '.join(JVM)} {main} \"$@\"\n")
            script.chmod(0o755)
            (self.path / name).symlink_to(ROOT / "deploy/kafka/kafka-tool")

    def tool(self, *words: str) -> tuple[list[str], dict[str, str]]:
        """A command as somebody types it after `docker-compose exec kafka`, for `run`."""
        environment = {
            "PATH": f"{self.path}:{os.environ['PATH']}",
            "KAFKA_HOME": str(self.folder),
            **{key: self.here(self.environment[key])
               for key in ("KAFKA_OPTS", "KAFKA_TOOL_CONFIG") if key in self.environment},
        }
        # The port is the only thing that differs from the container.
        words = [word.replace("localhost:9092", f"localhost:{self.ports['INTERNAL']}")
                 for word in words]
        return [str(self.path / words[0]), *words[1:]], environment
