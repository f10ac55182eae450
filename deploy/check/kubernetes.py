"""Cross-checks of the manifests, as kustomize renders them.

Usage: kubernetes.py RENDERED_YAML VARIANT, where VARIANT is base, overlays/dev, overlays/production or
kubernetes-extras, which has the components that none of them takes.
"""

import re
import sys

import yaml

from facts import DRAIN_SECONDS, ROOT, ROUTES, RUNNING, SERVICES, SETTINGS, Findings

# Who calls other services, and the policy that lets it.
CALLS = {"forward-test": "forward-test-to-services", "notification": "notification-to-forward-test",
         "strategy": "strategy-to-market-data"}


def pod_of(resource: dict) -> dict:
    return resource["spec"]["template"]["spec"]


def check_pods(resources: dict, findings: Findings) -> None:
    workloads = [r for (kind, _), r in resources.items() if kind in ("Deployment", "Job")]
    for resource in workloads:
        name, pod = resource["metadata"]["name"], pod_of(resource)
        context = pod["securityContext"]
        findings.require(context.get("runAsNonRoot") is True, f"{name}: may run as root")
        findings.require(
            context.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{name}: no seccomp"
        )
        findings.require(pod.get("automountServiceAccountToken") is False, f"{name}: has a token")
        findings.require(
            ("ServiceAccount", pod["serviceAccountName"]) in resources, f"{name}: no account"
        )
        for container in pod["containers"]:
            own = container["securityContext"]
            findings.require(own.get("readOnlyRootFilesystem") is True, f"{name}: writable root")
            findings.require(own.get("allowPrivilegeEscalation") is False, f"{name}: escalation")
            findings.require(own["capabilities"].get("drop") == ["ALL"], f"{name}: capabilities")
            findings.require("memory" in container["resources"]["limits"], f"{name}: no limit")
            findings.require("cpu" in container["resources"]["requests"], f"{name}: no request")
            tag = container["image"].rpartition(":")[2]
            findings.require(tag not in ("", "latest"), f"{name}: image {container['image']}")
            check_settings(name, container, resources, findings)


def check_settings(name: str, container: dict, resources: dict, findings: Findings) -> None:
    given = [variable["name"] for variable in container.get("env", [])]
    for source in container.get("envFrom", []):
        config = resources.get(("ConfigMap", source["configMapRef"]["name"]))
        findings.require(config is not None, f"{name}: no ConfigMap for {source}")
        given += list((config or {"data": {}})["data"])
    for key in given:
        libpq = key.startswith("PG") and name == "database-setup"
        findings.require(key in SETTINGS or libpq, f"{name}: unknown setting {key}")
    twice = {key for key in given if given.count(key) > 1}
    findings.require(not twice, f"{name}: given twice: {twice}")


def check_services(resources: dict, findings: Findings) -> None:
    for name, port in RUNNING.items():
        deployment = resources[("Deployment", name)]
        pod = pod_of(deployment)
        [container] = pod["containers"]
        check_replicas(name, deployment["spec"], resources, findings)
        findings.require(container["ports"][0]["containerPort"] == port, f"{name}: other port")
        for probe, path in [
            ("startupProbe", "/healthz/live"),
            ("livenessProbe", "/healthz/live"),
            ("readinessProbe", "/healthz/ready"),
        ]:
            findings.require(
                container[probe]["httpGet"] == {"path": path, "port": "http"}, f"{name}: {probe}"
            )
        pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        findings.require(
            pod["terminationGracePeriodSeconds"] > pause + DRAIN_SECONDS,
            f"{name}: is killed before it can have drained",
        )
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        service = resources[("Service", name)]["spec"]
        findings.require(
            service["selector"].items() <= labels.items(), f"{name}: its Service selects nothing"
        )
        findings.require(service["ports"][0]["port"] == port, f"{name}: its Service's port")


def check_replicas(name: str, spec: dict, resources: dict, findings: Findings) -> None:
    """One replica, and never two at a time; but where replicas work together, as many as are needed."""
    scaler = resources.get(("HorizontalPodAutoscaler", name))
    rollout = spec["strategy"]
    if scaler is None:
        findings.require(spec.get("replicas") == 1, f"{name}: replicas are fixed at 1")
        findings.require(rollout == {"type": "Recreate"}, f"{name}: rollout {rollout}")
        return
    findings.require(name == "notification", f"{name}: replicas of it can't work together")
    findings.require("replicas" not in spec, f"{name}: two say how many there are")
    findings.require(
        rollout == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        f"{name}: rollout {rollout}",
    )
    # A consumer group's member without a partition does nothing.
    catalogue = (ROOT / "crates/kafka-common/src/topics.rs").read_text()
    partitions = [int(number) for number in re.findall(
        r'"(?:user-notifications|forward-test-events|trade-executions)" \w+, (\d+),', catalogue)]
    most = scaler["spec"]["maxReplicas"]
    findings.require(
        len(partitions) == 3 and most <= max(partitions), f"{name}: {most} replicas, {partitions}"
    )
    findings.require(
        scaler["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        f"{name}: its autoscaler scales something else",
    )


def route(paths: list[dict], path: str) -> str:
    """The Ingress rules' own order: an exact match first, then the longest prefix of segments."""
    best, length = "nothing", -1
    for rule in paths:
        wanted = rule["path"].rstrip("/")
        target = rule["backend"]["service"]["name"]
        if rule["pathType"] == "Exact":
            if path == rule["path"]:
                return target
        elif (path == wanted or path.startswith(wanted + "/")) and len(wanted) > length:
            best, length = target, len(wanted)
    return best


def check_ingress(resources: dict, findings: Findings) -> None:
    [rule] = resources[("Ingress", "algotrade")]["spec"]["rules"]
    paths = rule["http"]["paths"]
    for path, service in ROUTES.items():
        reached = route(paths, path)
        findings.require(reached == service, f"ingress: {path} reaches {reached}, not {service}")
    findings.require(route(paths, "/metrics") == "unrouted", "ingress: /metrics is public")
    findings.require(route(paths, "/v1/deployments/x") != "strategy", "ingress: /v1/deployments")


def check_policies(resources: dict, findings: Findings) -> None:
    policies = {name: r["spec"] for (kind, name), r in resources.items() if kind == "NetworkPolicy"}
    findings.require(
        policies["default-deny"]
        == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        "default-deny does not deny",
    )
    # A call between services needs both ends opened, and its address in the caller's settings.
    for caller, policy in CALLS.items():
        [container] = pod_of(resources[("Deployment", caller)])["containers"]
        called = {v["value"] for v in container["env"] if "__SERVICES__" in v["name"]}
        opened = {
            f"http://{peer['podSelector']['matchLabels']['app.kubernetes.io/name']}:{port['port']}"
            for rule in policies[policy]["egress"]
            for peer in rule["to"]
            for port in rule["ports"]
        }
        findings.require(called == opened, f"{caller} calls {called}, open is {opened}")
    # So does a probe of `algotrade ops`.
    [container] = pod_of(resources[("Deployment", "ops")])["containers"]
    [asked] = [v["value"] for v in container["env"] if v["name"] == "ALGOTRADE__OPS__SERVICES"]
    opened = {
        f"{name}=http://{name}:{port['port']}"
        for rule in policies["ops-to-services"]["egress"]
        for peer in rule["to"]
        for name in [peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"]]
        for port in rule["ports"]
    }
    wanted = {f"{name}=http://{name}:{port}" for name, port in SERVICES.items()}
    findings.require(set(asked.split(",")) == opened == wanted, f"ops asks {asked}, open: {opened}")
    for name in SERVICES:
        findings.require(
            selects(policies["ops-into-services"]["podSelector"], name), f"{name}: ops is kept out"
        )
    known = {*RUNNING, "setup", "database-setup"}
    # Nothing but the policies opens anything: whoever may be reached has a policy that says by whom.
    for name in RUNNING:
        opened = [p for p in policies.values() if "Ingress" in p["policyTypes"]
                  and selects(p["podSelector"], name) and p.get("ingress")]
        findings.require(bool(opened), f"{name}: nobody may reach it")
    everybody = [n for n, p in policies.items() if not p["podSelector"]]
    findings.require(
        set(everybody) == {"default-deny", "everyone-to-dns"}, f"for every pod: {everybody}"
    )
    for name, spec in policies.items():
        for expression in spec["podSelector"].get("matchExpressions", []):
            findings.require(set(expression["values"]) <= known, f"policy {name}: {expression}")


def selects(selector: dict, name: str) -> bool:
    wanted = selector.get("matchLabels", {})
    if "app.kubernetes.io/name" in wanted:
        return wanted["app.kubernetes.io/name"] == name
    return any(name in e["values"] for e in selector.get("matchExpressions", []))


def check_secrets(resources: dict, findings: Findings) -> None:
    """Each pod gets its own keys of the Secrets, and of no other service's."""
    example = (ROOT / "deploy/kubernetes/secret.example.yaml").read_text()
    external = (ROOT / "deploy/kubernetes/external-secret.example.yaml").read_text()
    offered = {d["metadata"]["name"]: set(d["stringData"]) for d in yaml.safe_load_all(example)}
    for document in yaml.safe_load_all(external):
        spec = document["spec"]
        made = set(spec["target"].get("template", {}).get("data", {}))
        made = made or {entry["secretKey"] for entry in spec["data"]}
        name = spec["target"]["name"]
        findings.require(made == offered[name], f"external secret {name}: {made ^ offered[name]}")
    for name in RUNNING:
        pod = pod_of(resources[("Deployment", name)])
        [volume] = [v["secret"] for v in pod["volumes"] if "secret" in v]
        keys = {item["key"]: item["path"] for item in volume["items"]}
        findings.require(
            keys == {"auth-secret": "auth-secret", f"database-url-{name}": "database-url"},
            f"{name}: gets the secrets {keys}",
        )
        findings.require(
            set(keys) <= offered[volume["secretName"]], f"{name}: no such secret {keys}"
        )
        findings.require(
            len(pod["topologySpreadConstraints"]) == 2, f"{name}: may all be on one node"
        )


def check_operators(resources: dict, findings: Findings) -> None:
    """What Strimzi and the Prometheus operator make of the production overlay."""
    kafka = resources[("Kafka", "algotrade")]["spec"]["kafka"]
    for listener in kafka["listeners"]:
        findings.require(
            listener["tls"] is True and listener["authentication"]["type"] == "scram-sha-512",
            f"listener {listener['name']} lets in whom it doesn't know",
        )
    findings.require(kafka["authorization"]["type"] == "simple", "Kafka grants everything")
    for key, value in kafka["config"].items():
        if key.endswith("replication.factor"):
            findings.require(value == 3, f"{key} is {value}")
        if key.endswith(("min.isr", "insync.replicas")):
            findings.require(value == 2, f"{key} is {value}")
    findings.require(("Job", "setup") not in resources, "two make the topics")
    port = kafka["listeners"][0]["port"]
    common = [r["data"] for (kind, name), r in resources.items()
              if kind == "ConfigMap" and name.startswith("algotrade-common")]
    findings.require(
        common[0]["ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS"] == f"algotrade-kafka-bootstrap:{port}",
        "the services look for another Kafka",
    )
    for name in RUNNING:
        findings.require(("KafkaUser", name) in resources, f"Kafka doesn't know {name}")
        pod = pod_of(resources[("Deployment", name)])
        sources = [s["secret"]["name"] for v in pod["volumes"] if "projected" in v
                   for s in v["projected"]["sources"]]
        findings.require(
            sources == [name, "algotrade-cluster-ca-cert"], f"{name}: signs in with {sources}"
        )
        findings.require(pod["priorityClassName"] == "algotrade", f"{name}: no priority")
    metrics = kafka["metricsConfig"]["valueFrom"]["configMapKeyRef"]
    findings.require(
        metrics["key"] in resources[("ConfigMap", metrics["name"])]["data"], "Kafka's metrics"
    )
    endpoint = resources[("ServiceMonitor", "services")]["spec"]["endpoints"][0]
    findings.require(
        endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "services"}],
        "the rules don't find the services' metrics",
    )


def check_extras(resources: dict, findings: Findings) -> None:
    """Who is told to talk to a collector, or to an issuer, is let out to it."""
    [common] = [r["data"] for (kind, name), r in resources.items()
                if kind == "ConfigMap" and name.startswith("algotrade-common")]
    policies = [r["spec"] for (kind, _), r in resources.items() if kind == "NetworkPolicy"]

    def opens(service: str, port: int, peer: str) -> bool:
        rules = [rule for p in policies if selects(p["podSelector"], service)
                 for rule in p.get("egress", [])]
        return any(peer in to and {"protocol": "TCP", "port": port} in rule["ports"]
                   for rule in rules for to in rule["to"])

    collector = int(common["ALGOTRADE__TELEMETRY__OTLP_ENDPOINT"].rpartition(":")[2])
    findings.require(
        common["ALGOTRADE__AUTH__ISSUER__JWKS_URL"].startswith("https://"), "keys without TLS"
    )
    for name in RUNNING:
        findings.require(
            opens(name, collector, "namespaceSelector"), f"{name}: can't reach the collector"
        )
        findings.require(opens(name, 443, "ipBlock"), f"{name}: can't reach the issuer")


def main() -> int:
    _, path, variant = sys.argv
    with open(path) as source:
        documents = [document for document in yaml.safe_load_all(source) if document]
    resources = {(d["kind"], d["metadata"]["name"]): d for d in documents}
    findings = Findings()
    check_pods(resources, findings)
    check_services(resources, findings)
    check_ingress(resources, findings)
    check_policies(resources, findings)
    check_secrets(resources, findings)
    if variant == "overlays/production":
        check_operators(resources, findings)
    if variant == "kubernetes-extras":
        check_extras(resources, findings)
    return findings.finish(variant)


if __name__ == "__main__":
    sys.exit(main())
