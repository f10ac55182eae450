"""Cross-checks of the Kubernetes manifests, beyond what their schema says.

Usage: kubernetes.py RENDERED_YAML
"""

import sys

import yaml

from facts import DRAIN_SECONDS, ROUTES, SERVICES, SETTINGS, Findings


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
            tag = container["image"].partition(":")[2]
            findings.require(tag not in ("", "latest"), f"{name}: image {container['image']}")
            check_settings(name, container, resources, findings)


def check_settings(name: str, container: dict, resources: dict, findings: Findings) -> None:
    given = [variable["name"] for variable in container.get("env", [])]
    for source in container.get("envFrom", []):
        config = resources.get(("ConfigMap", source["configMapRef"]["name"]))
        findings.require(config is not None, f"{name}: no ConfigMap for {source}")
        given += list((config or {"data": {}})["data"])
    for key in given:
        findings.require(key in SETTINGS, f"{name}: unknown setting {key}")
    twice = {key for key in given if given.count(key) > 1}
    findings.require(not twice, f"{name}: given twice: {twice}")


def check_services(resources: dict, findings: Findings) -> None:
    for name, port in SERVICES.items():
        deployment = resources[("Deployment", name)]
        pod = pod_of(deployment)
        [container] = pod["containers"]
        findings.require(deployment["spec"]["replicas"] == 1, f"{name}: replicas are fixed at 1")
        findings.require(deployment["spec"]["strategy"]["type"] == "Recreate", f"{name}: rollout")
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
    [container] = pod_of(resources[("Deployment", "forward-test")])["containers"]
    called = {v["value"] for v in container["env"] if "__SERVICES__" in v["name"]}
    opened = {
        f"http://{peer['podSelector']['matchLabels']['app.kubernetes.io/name']}:{port['port']}"
        for rule in policies["forward-test-to-services"]["egress"]
        for peer in rule["to"]
        for port in rule["ports"]
    }
    findings.require(called == opened, f"forward-test calls {called}, open is {opened}")
    known = {*SERVICES, "setup"}
    for name, spec in policies.items():
        for expression in spec["podSelector"].get("matchExpressions", []):
            findings.require(set(expression["values"]) <= known, f"policy {name}: {expression}")


def main() -> int:
    with open(sys.argv[1]) as source:
        documents = [document for document in yaml.safe_load_all(source) if document]
    resources = {(d["kind"], d["metadata"]["name"]): d for d in documents}
    findings = Findings()
    check_pods(resources, findings)
    check_services(resources, findings)
    check_ingress(resources, findings)
    check_policies(resources, findings)
    return findings.finish("kubernetes")


if __name__ == "__main__":
    sys.exit(main())
