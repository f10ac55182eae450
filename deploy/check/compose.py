"""Cross-checks of docker-compose.yml, after a real Compose implementation has parsed it.

Usage: compose.py MODEL_JSON VARIANT...; the variants that were asked for, of which compose_variants.py
knows what they add.
"""

import json
import re
import sys

import compose_variants
from facts import DRAIN_SECONDS, PROGRAMS, ROOT, RUNNING, SERVICES, SETTINGS, Findings

BACKING = ["kafka", "postgres", "redis"]
ONE_SHOTS = ["secrets-init", "database-setup", "kafka-setup", "certificates", "backup", "restore",
             "connect-rights"]
ONLY_INTERNAL = ["postgres", "redis", "strategy", "forward-test", "ops", "kafka-setup",
                 "database-setup"]
# Who has a way out: to the market, and to users' webhooks.
OUTSIDE = ["market-data", "notification"]
# Who may publish a port besides the gateway, and only on loopback.
ON_LOOPBACK = ["kafka", "prometheus", "alertmanager", "grafana", "jaeger"]


def seconds(duration: str) -> float:
    parts = re.findall(r"(\d+)(m?s|m|h)", duration)
    return sum(int(n) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit] for n, unit in parts)


def check_presence(services: dict, findings: Findings) -> None:
    for name in [*RUNNING, *BACKING, *ONE_SHOTS[:3], "gateway"]:
        findings.require(name in services, f"there is no service {name}")


def check_health_and_order(services: dict, findings: Findings) -> None:
    for name in [*RUNNING, *BACKING, "gateway"]:
        findings.require("healthcheck" in services[name], f"{name}: no health check")
    for name in RUNNING:
        test = services[name]["healthcheck"]["test"]
        program, *arguments = PROGRAMS[name]
        findings.require(
            test == ["CMD", f"/usr/local/bin/{program}", *arguments, "healthcheck"],
            f"{name}: health check {test}",
        )
        needs = services[name].get("depends_on", {})
        for need, what in [("kafka-setup", "topics are"), ("database-setup", "schema is")]:
            findings.require(
                needs.get(need, {}).get("condition") == "service_completed_successfully",
                f"{name}: may start before its {what} there",
            )
        findings.require(
            seconds(services[name]["stop_grace_period"]) > DRAIN_SECONDS,
            f"{name}: is killed before it can have drained",
        )
    for name, service in services.items():
        for need, rule in service.get("depends_on", {}).items():
            findings.require(need in services, f"{name}: depends on {need}, which is not there")
            if rule["condition"] == "service_healthy":
                findings.require(
                    "healthcheck" in services.get(need, {}),
                    f"{name}: waits for the health of {need}, which has no health check",
                )
            if rule["condition"] == "service_completed_successfully":
                findings.require(
                    need in ONE_SHOTS and services[need].get("restart", "no") == "no",
                    f"{name}: waits for the end of {need}, which does not end",
                )
            findings.require(
                service.get("profiles") or not services.get(need, {}).get("profiles"),
                f"{name}: depends on {need}, which only a profile starts",
            )


def check_settings(services: dict, findings: Findings) -> None:
    for name, service in services.items():
        for key, value in (service.get("environment") or {}).items():
            if key.startswith("ALGOTRADE"):
                findings.require(key in SETTINGS, f"{name}: unknown setting {key}")
            if key.endswith("_FILE"):
                mounts = [volume["target"] for volume in service.get("volumes", [])]
                findings.require(
                    any(value.startswith(mount + "/") for mount in mounts),
                    f"{name}: {key} names {value}, and nothing is mounted there",
                )
            if key.endswith("_URL"):
                check_address(name, key, value, service, services, findings)
    for name, port in RUNNING.items():
        environment = services[name]["environment"]
        findings.require(
            environment["ALGOTRADE__HTTP__LISTEN"] == f"0.0.0.0:{port}",
            f"{name}: listens on {environment['ALGOTRADE__HTTP__LISTEN']}, the design says {port}",
        )
        for broker in environment["ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS"].split(","):
            host, _, port = broker.partition(":")
            findings.require(host in services and port == "9092", f"{name}: no broker {broker}")
        findings.require(
            environment["ALGOTRADE__DATABASE__URL_FILE"].endswith(f"/database-url-{name}"),
            f"{name}: has another service's database role",
        )
        findings.require(
            "ALGOTRADE__AUTH__SECRET_FILE" in environment, f"{name}: has no secret for tokens"
        )


def check_looked_after(services: dict, findings: Findings) -> None:
    """`algotrade ops` asks all four, where they are."""
    asked = dict(pair.split("=") for pair in
                 services["ops"]["environment"]["ALGOTRADE__OPS__SERVICES"].split(","))
    wanted = {name: f"http://{name}:{port}" for name, port in SERVICES.items()}
    findings.require(asked == wanted, f"ops: looks after {asked}")


def check_address(name, key, value, service, services, findings: Findings) -> None:
    host = re.match(r"\w+://(?:[^@/]*@)?([\w.-]+)", value).group(1)
    if "." in host:
        return  # outside
    findings.require(host in services, f"{name}: {key} names {host}, which is not there")
    shared = set(service["networks"]) & set(services.get(host, {}).get("networks", {}))
    findings.require(bool(shared), f"{name}: {key} names {host}, and no network joins the two")


def check_feed(services: dict, feed: str, findings: Findings) -> None:
    findings.require(
        ("simulator" in services) == (feed == "simulator"), f"simulator: wrong for feed {feed}"
    )
    environment = services["market-data"]["environment"]
    findings.require(environment["ALGOTRADE__FEED__SOURCE"] == feed, "market-data: another feed")
    findings.require(
        services["notification"]["environment"]["ALGOTRADE__FEED__SOURCE"] == feed,
        "notification: tells the page another feed",
    )
    for key in ("ALGOTRADE__FEED__WEBSOCKET_URL", "ALGOTRADE__FEED__REST_URL"):
        simulated = "//simulator:" in environment[key]
        findings.require(simulated == (feed == "simulator"), f"{key} is {environment[key]}")


def check_networks(model: dict, findings: Findings) -> None:
    services = model["services"]
    internal = {name for name, network in model["networks"].items() if network.get("internal")}
    for name in ONLY_INTERNAL:
        findings.require(
            set(services[name]["networks"]) <= internal, f"{name}: is on a network with a way out"
        )
    outward = internal | {"edge", "kafka-host", "monitoring-host", "outside"}
    findings.require(outward == set(model["networks"]), f"unknown networks: {model['networks']}")
    for name in RUNNING:
        findings.require("outside" not in services[name]["networks"] or name in OUTSIDE,
                         f"{name}: has no business outside")
    for name in BACKING:
        findings.require(
            not set(services[name]["networks"]) & set(services["gateway"]["networks"]),
            f"{name}: the gateway can reach it",
        )
    for name, service in services.items():
        for port in service.get("ports", []):
            findings.require(name in ["gateway", *ON_LOOPBACK], f"{name}: publishes a port")
            findings.require(
                port.get("host_ip") == "127.0.0.1", f"{name}: published beyond loopback by default"
            )


def check_hardening(services: dict, findings: Findings) -> None:
    for name, service in services.items():
        findings.require(service.get("cap_drop") == ["ALL"], f"{name}: keeps capabilities")
        findings.require(
            "no-new-privileges:true" in service.get("security_opt", []),
            f"{name}: may gain privileges",
        )
        findings.require("max-size" in service["logging"]["options"], f"{name}: unbounded log")
        findings.require(not service.get("privileged"), f"{name}: is privileged")
        findings.require(
            ":" in service["image"] and not service["image"].endswith(":latest"),
            f"{name}: image {service['image']} is not a version",
        )
        limited = service.get("deploy", {}).get("resources", {}).get("limits", {}).get("memory")
        findings.require(name in ONE_SHOTS or bool(limited), f"{name}: memory is not limited")
        # Kafka and Postgres write beside their volumes, Grafana its plugins.
        writes = name.startswith("kafka") or name in ("postgres", "grafana")
        findings.require(writes or service.get("read_only") is True, f"{name}: writable root")


def check_broker(name: str, kafka: dict, findings: Findings) -> None:
    environment = kafka["environment"]
    listeners = dict(re.findall(r"(\w+)://[^:,]*:(\d+)", environment["KAFKA_LISTENERS"]))
    advertised = dict(re.findall(r"(\w+)://([^,]+)", environment["KAFKA_ADVERTISED_LISTENERS"]))
    findings.require(
        advertised.get("INTERNAL") == f"{name}:9092", f"{name}: containers' listener moved"
    )
    findings.require(kafka.get("hostname") == name, f"{name} cannot resolve its own name")
    voter = f"{environment['KAFKA_NODE_ID']}@{name}:{listeners['CONTROLLER']}"
    findings.require(
        voter in environment["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(","), f"{name}: is no voter"
    )
    for listener, address in advertised.items():
        findings.require(
            listeners.get(listener) == address.split(":")[1],
            f"{name}: listener {listener}: port and address differ",
        )
    published = {port["published"] for port in kafka.get("ports", [])}
    host = {listeners["HOST"]} if "HOST" in listeners else set()
    findings.require(published == host, f"{name}: published {published}, not HOST's port")
    findings.require(
        any(v["target"] == environment["KAFKA_LOG_DIRS"] for v in kafka["volumes"]),
        "the log is not on the volume",
    )
    findings.require(
        re.fullmatch(r"[\w-]{22}", environment["CLUSTER_ID"]) is not None,
        "CLUSTER_ID is not 22 characters of base64",
    )


def check_builds(services: dict, findings: Findings) -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.M))
    for name, service in services.items():
        target = service.get("build", {}).get("target")
        findings.require(target is None or target in targets, f"{name}: no build target {target}")
    for name in RUNNING:
        findings.require(
            services[name]["build"]["target"] == name, f"{name}: built from another target"
        )


def check_gateway(services: dict, findings: Findings) -> None:
    environment = services["gateway"]["environment"]
    for name, port in RUNNING.items():
        key = "GATEWAY_" + name.upper().replace("-", "_")
        findings.require(environment.get(key) == f"{name}:{port}", f"gateway: {key} is wrong")
    given = {*environment, "NGINX_LOCAL_RESOLVERS"}
    findings.require(
        ("ssl" in environment["GATEWAY_LISTEN"])
        == any(v["target"] == environment["GATEWAY_TLS_INCLUDE"] for v in
               services["gateway"]["volumes"]),
        "gateway: TLS without its settings, or the other way round",
    )
    template = (ROOT / "deploy/gateway/nginx.conf.template").read_text()
    for wanted in set(re.findall(r"\$\{(\w+)\}", template)):
        findings.require(wanted in given, f"gateway: nobody gives {wanted}")


def check_documented(services: dict, findings: Findings) -> None:
    documented = set(
        re.findall(r"`(ALGOTRADE_\w+)`", (ROOT / "docs/operations.md").read_text())
    )
    for name in documented:
        # A whole section is named by its prefix.
        known = name in SETTINGS or any(setting.startswith(name) for setting in SETTINGS)
        findings.require("__" not in name or known, f"documented, but unknown: {name}")
    operations = (ROOT / "docs/operations.md").read_text()
    text = (ROOT / "docker-compose.yml").read_text()
    text += (ROOT / "deploy/compose/secure.yml").read_text()
    used = set(re.findall(r"\$\{(ALGOTRADE_\w+)", text))
    for service in services.values():
        used |= {key for key in service.get("environment") or {} if key.startswith("ALGOTRADE")}
    for name in used:
        # A section's variables stand in a table of their own, without the prefix.
        section, _, rest = name.rpartition("__")
        named = name in documented or (f"{section}__..." in operations and f"`{rest}`" in operations)
        findings.require(named, f"docs/operations.md does not explain {name}")


def main() -> int:
    _, path, *variants = sys.argv
    with open(path) as source:
        model = json.load(source)
    services = model["services"]
    findings = Findings()
    check_presence(services, findings)
    check_health_and_order(services, findings)
    check_settings(services, findings)
    check_looked_after(services, findings)
    check_feed(services, "simulator" if "demo" in variants else "coinbase", findings)
    check_networks(model, findings)
    check_hardening(services, findings)
    brokers = {name: s for name, s in services.items() if "KAFKA_NODE_ID" in (s.get("environment") or {})}
    for name, broker in brokers.items():
        check_broker(name, broker, findings)
    check_builds(services, findings)
    check_gateway(services, findings)
    check_documented(services, findings)
    compose_variants.check(model, variants, findings)
    return findings.finish("compose")


if __name__ == "__main__":
    sys.exit(main())
