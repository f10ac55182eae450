"""Alert rules, dashboards and runbooks, without a server.

Usage: monitoring.py FILE; writes all queries of the dashboards there as rules, for promtool.
"""

import json
import re
import sys

import metrics
import yaml

from facts import ROOT, Findings
from stack.monitoring import expressions, filled, named

RULES = ROOT / "deploy/prometheus/rules"
TESTS = ROOT / "deploy/prometheus/tests"
RUNBOOKS = ROOT / "docs/runbooks"
SEVERITIES = {"critical", "warning", "none"}
# Of node-exporter, blackbox-exporter and Prometheus itself.
FOREIGN = {"node_filesystem_avail_bytes", "node_filesystem_size_bytes", "node_timex_sync_status",
           "probe_success", "probe_ssl_earliest_cert_expiry", "up", "ALERTS"}


def known_names() -> set[str]:
    names = {series for metric in metrics.catalogue().values() for series in metric.series()}
    return names | FOREIGN | broker_names() | {rule["record"] for rule in rules("record")}


def broker_names() -> set[str]:
    """What the JMX exporter's rules make of the objects that it is told to read."""
    exporter = yaml.safe_load((ROOT / "deploy/kafka/jmx-exporter.yml").read_text())
    asked = "\n".join(exporter["includeObjectNames"])
    names = set()
    for rule in exporter["rules"]:
        pattern = rule["name"]
        choices = re.search(r"\((\w+(?:\|\w+)+)\)", rule["pattern"])
        if "$1" not in pattern:
            names.add(pattern)
        elif choices:
            names |= {pattern.replace("$1", word).lower() for word in choices.group(1).split("|")}
        else:
            kind = re.search(r"type=(\w+)", rule["pattern"]).group(1)
            for word in re.findall(rf"type={kind},name=(\w+)", asked):
                names.add(pattern.replace("$1", word).lower())
    return names


def rules(kind: str) -> list[dict]:
    found = []
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            found += [rule for rule in group["rules"] if kind in rule]
    return found


def check_alerts(known: set[str], findings: Findings) -> None:
    alerts = rules("alert")
    names = [alert["alert"] for alert in alerts]
    findings.require(len(set(names)) == len(names), "an alert's name comes twice")
    tested = set()
    for path in TESTS.glob("*.yml"):
        for test in yaml.safe_load(path.read_text())["tests"]:
            tested |= {case["alertname"] for case in test["alert_rule_test"] if case["exp_alerts"]}
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}
    findings.require(pages == set(names), f"runbooks and alerts differ: {pages ^ set(names)}")
    findings.require(tested == set(names), f"alerts without a test: {set(names) - tested}")
    index = (RUNBOOKS / "README.md").read_text()
    for alert in alerts:
        name, annotations = alert["alert"], alert["annotations"]
        severity = alert["labels"].get("severity")
        findings.require(severity in SEVERITIES, f"{name}: severity {severity}")
        findings.require(
            annotations.get("runbook_url") == f"docs/runbooks/{name}.md", f"{name}: its runbook"
        )
        findings.require(
            f"| [{name}]({name}.md) | {severity} |" in index, f"runbooks/README.md: {name}"
        )
        page = (RUNBOOKS / f"{name}.md").read_text()
        for heading in ("## Look", "## Mend", "**What users see:**"):
            findings.require(heading in page, f"runbook {name}: no {heading}")
        findings.require(f"**Severity:** {severity}" in page, f"runbook {name}: severity")
        findings.require(alert["expr"].strip() in page, f"runbook {name}: another rule")
    for rule in alerts + rules("record"):
        name = rule.get("alert") or rule["record"]
        unknown = named(rule["expr"]) - known
        findings.require(not unknown, f"{name}: nobody exports {unknown}")


def check_topics(findings: Findings) -> None:
    """The alert on missing topics names the catalogue."""
    source = (ROOT / "crates/kafka-common/src/topics.rs").read_text()
    catalogue = set(re.findall(r'^\s+\w+ [A-Z_]+ "([a-z-]+)" ', source, re.M))
    [alert] = [alert for alert in rules("alert") if alert["alert"] == "KafkaTopicMissing"]
    named_topics = set(re.findall(r'topic="([^"]+)"', alert["expr"]))
    findings.require(len(catalogue) > 5, "found no catalogue in topics.rs")
    findings.require(named_topics == catalogue, f"KafkaTopicMissing: {named_topics ^ catalogue}")


def check_dashboards(known: set[str], findings: Findings) -> None:
    ids = set()
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text())
        findings.require(dashboard["uid"] == path.stem, f"{path.name}: uid {dashboard['uid']}")
        ids.add(dashboard["uid"])
        for panel in dashboard["panels"]:
            findings.require(
                panel["type"] == "row" or bool(panel.get("targets")),
                f"{path.name}: {panel['title']} asks nothing",
            )
            source = panel.get("datasource", {"uid": "prometheus"})["uid"]
            findings.require(source == "prometheus", f"{path.name}: datasource {source}")
    findings.require(
        ids >= {"overview", "kafka", "market-data", "trading", "services"}, f"dashboards {ids}"
    )
    for place, expression in expressions():
        unknown = named(expression) - known
        findings.require(not unknown, f"{place}: nobody exports {unknown}")


def write_for_promtool(path: str) -> None:
    queries = [{"record": f"panel:{number}", "expr": filled(expression, "5m")}
               for number, (_, expression) in enumerate(expressions())]
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump({"groups": [{"name": "dashboards", "rules": queries}]}, file)


def main() -> int:
    findings = Findings()
    known = known_names()
    check_alerts(known, findings)
    check_topics(findings)
    check_dashboards(known, findings)
    write_for_promtool(sys.argv[1])
    return findings.finish("monitoring")


if __name__ == "__main__":
    sys.exit(main())
