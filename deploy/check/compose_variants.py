"""What the profiles of docker-compose.yml add, and what must hold then."""

import re

from facts import ROOT, RUNNING, Findings

MONITORING = ["prometheus", "alertmanager", "grafana", "blackbox-exporter", "node-exporter"]
BROKERS = ["kafka", "kafka-2", "kafka-3"]
TRACING = ["otel-collector", "jaeger"]


def check(model: dict, variants: list[str], findings: Findings) -> None:
    services = model["services"]
    for name in MONITORING:
        findings.require((name in services) == ("monitoring" in variants), f"{name}: wrong profile")
    for name in BROKERS[1:]:
        findings.require((name in services) == ("cluster" in variants), f"{name}: wrong profile")
    for name in TRACING:
        findings.require((name in services) == ("tracing" in variants), f"{name}: wrong profile")
    findings.require(("connect" in services) == ("connect" in variants), "connect: wrong profile")
    findings.require(("connect-rights" in services) == ({"connect", "secure"} <= set(variants)),
                     "connect-rights: wrong profile")
    check_traces(services, "tracing" in variants, findings)
    if "connect" in variants:
        check_connect(services, "secure" in variants, findings)
    check_replication(services, 3 if "cluster" in variants else 1, findings)
    if "monitoring" in variants:
        check_scraped(model, findings)
    if "secure" in variants:
        check_secure(services, findings)
    else:
        findings.require("certificates" not in services, "certificates that nobody uses are made")


def check_traces(services: dict, wanted: bool, findings: Findings) -> None:
    """Services send spans where the collector listens, and it where Jaeger does; else nowhere."""
    prefix = "ALGOTRADE__TELEMETRY__"
    for name in RUNNING:
        endpoint = services[name]["environment"][f"{prefix}OTLP_ENDPOINT"]
        findings.require(endpoint == ("http://otel-collector:4318" if wanted else ""),
                         f"{name}: sends traces to {endpoint}")
        ratio = float(services[name]["environment"][f"{prefix}TRACE_RATIO"])
        findings.require(0 < ratio <= 1, f"{name}: keeps {ratio} of its traces")
        if wanted:
            shared = set(services[name]["networks"]) & set(services["otel-collector"]["networks"])
            findings.require(bool(shared), f"{name}: no network joins it to the collector")
    if not wanted:
        return
    collector, jaeger = services["otel-collector"], services["jaeger"]
    findings.require(bool(set(collector["networks"]) & set(jaeger["networks"])),
                     "no network joins the collector to Jaeger")
    findings.require([(port["host_ip"], port["target"]) for port in jaeger["ports"]]
                     == [("127.0.0.1", 16686)], "jaeger: more than its page is published")
    for name, (place, file) in {"otel-collector": ("/etc/tracing/", "collector.yml"),
                                "jaeger": ("/etc/tracing/", "jaeger.yml")}.items():
        findings.require(services[name]["command"] == [f"--config={place}{file}"]
                         and (ROOT / "deploy/tracing" / file).exists(), f"{name}: its configuration")


def check_connect(services: dict, secure: bool, findings: Findings) -> None:
    connect = services["connect"]
    environment = connect["environment"]
    source = (ROOT / "crates/kafka-common/src/topics.rs").read_text()
    catalogue = set(re.findall(r'^\s+\w+ [A-Z_]+ "([a-z-]+)" ', source, re.M))
    findings.require(set(environment["CONNECT_TOPICS"].split()) <= catalogue, "connect: topics")
    for broker in environment["CONNECT_BOOTSTRAP_SERVERS"].split(","):
        findings.require(broker.removesuffix(":9092") in services, f"connect: no broker {broker}")
    findings.require(set(connect["networks"]) == {"backend"}, "connect: is on other networks")
    findings.require((environment.get("CONNECT_SECURE") == "yes") == secure, "connect: its sign-in")
    if secure:
        rights = services["connect-rights"]
        findings.require(
            connect["depends_on"]["connect-rights"]["condition"] == "service_completed_successfully",
            "connect: may start before it may read")
        findings.require(
            rights["environment"]["CONNECT_TOPICS"] == environment["CONNECT_TOPICS"],
            "connect-rights: other topics")


def check_replication(services: dict, replicas: int, findings: Findings) -> None:
    in_sync = max(1, replicas - 1)
    for name in [name for name in BROKERS if name in services]:
        environment = services[name]["environment"]
        for key, value in environment.items():
            if key.endswith("REPLICATION_FACTOR"):
                findings.require(value == str(replicas), f"{name}: {key} is {value}")
            if key.endswith(("MIN_ISR", "MIN_INSYNC_REPLICAS")):
                findings.require(value == str(in_sync), f"{name}: {key} is {value}")
    setup = services["kafka-setup"]["environment"]
    findings.require(
        setup["ALGOTRADE__KAFKA__REPLICATION_FACTOR"] == str(replicas), "the set-up's replicas"
    )


def check_scraped(model: dict, findings: Findings) -> None:
    """Prometheus can reach, on some network, each host that its configuration names."""
    services = model["services"]
    text = (ROOT / "deploy/prometheus/prometheus.yml").read_text()
    hosts = set(re.findall(r"\b([a-z][a-z0-9-]*):\d{4}\b", text))
    networks = set(services["prometheus"]["networks"])
    asked = set(services["blackbox-exporter"]["networks"])
    # The brokers of profile cluster, and what a later profile adds, may be absent.
    for host in hosts & set(services):
        reached = set(services[host]["networks"])
        findings.require(
            bool(reached & (networks | asked)), f"prometheus: no network joins it to {host}"
        )
    for host in [*RUNNING, "kafka", "alertmanager", "gateway", "node-exporter"]:
        findings.require(host in hosts, f"prometheus: does not know {host}")
    for name in ("prometheus", "grafana", "alertmanager"):
        findings.require("edge" not in services[name]["networks"], f"{name}: reachable from outside")


def check_secure(services: dict, findings: Findings) -> None:
    for name in [name for name in BROKERS if name in services]:
        environment = services[name]["environment"]
        protocols = re.findall(r"\w+:(\w+)", environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"])
        findings.require(set(protocols) == {"SASL_SSL"}, f"{name}: a listener speaks {protocols}")
        findings.require(
            environment["KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND"] == "false", f"{name}: lets all in"
        )
        findings.require(environment["KAFKA_SUPER_USERS"] == "User:admin", f"{name}: super users")
        findings.require("javaagent" in environment["KAFKA_OPTS"], f"{name}: without its exporter")
        findings.require(
            services[name]["depends_on"]["certificates"]["condition"]
            == "service_completed_successfully",
            f"{name}: may start before its certificate is there",
        )
    findings.require("--acls" in services["kafka-setup"]["command"], "the set-up grants no rights")
    for name in [*RUNNING, "kafka-setup"]:
        environment = services[name]["environment"]
        user = "admin" if name == "kafka-setup" else name
        prefix = "ALGOTRADE__KAFKA__SECURITY__"
        findings.require(environment[f"{prefix}PROTOCOL"] == "sasl_ssl", f"{name}: not SASL_SSL")
        findings.require(environment[f"{prefix}USERNAME"] == user, f"{name}: another user")
        findings.require(
            environment[f"{prefix}PASSWORD_FILE"].endswith(f"/kafka-password-{user}"),
            f"{name}: another user's password",
        )
    gateway = services["gateway"]
    findings.require(
        [port["target"] for port in gateway["ports"]] == [8443], "the gateway is open without TLS"
    )
    findings.require("ssl" in gateway["environment"]["GATEWAY_LISTEN"], "the gateway: no TLS")
