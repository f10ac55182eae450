"""A real Prometheus with deploy/prometheus, over the real services: names, rules, dashboards."""

import json
import re
import shutil
import time
import urllib.parse
import urllib.request
from pathlib import Path

import metrics
import yaml

from facts import ROOT, RUNNING
from stack.machine import Failure, Process, free_port, run, wait_until

INTERVAL = "1s"
# Windows of the dashboards are as long as this run can fill.
WINDOW = "20s"
# What a healthy run doesn't have, and a panel may therefore be empty without: an alert that fires,
# and answers with 5xx. The rest are counters of failures, which appear with the first one.
FILTERS = ("ALERTS", 'code=~"5..')


def check(platform, session: str) -> None:
    token = platform.token("alice")
    for service in RUNNING:
        platform.call("GET", service, "/openapi.json", token)
    prometheus = Prometheus(platform)
    try:
        prometheus.wait()
        names = prometheus.names()
        exported(prometheus, names)
        rules(prometheus)
        panels(prometheus, names)
        report(prometheus, platform)
    finally:
        for process in [prometheus.process, *prometheus.helpers]:
            platform.processes.pop(process.name).kill()


class Prometheus:
    """The configuration of deploy/prometheus with this machine's addresses."""

    def __init__(self, platform) -> None:
        self.folder = platform.folder / "prometheus"
        shutil.copytree(ROOT / "deploy/prometheus", self.folder)
        self.port, node, blackbox = free_port(), free_port(), free_port()
        path = self.folder / "prometheus.yml"
        configuration = yaml.safe_load(path.read_text())
        configuration["global"] = {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL}
        configuration["alerting"] = {}
        self.gateway = platform.url("notification")
        for job in configuration["scrape_configs"]:
            job.pop("scrape_interval", None)
            job.pop("scrape_timeout", None)
            here(job, platform, self.port, node, blackbox, self.gateway)
        path.write_text(yaml.safe_dump(configuration))
        self.helpers = [
            Process("node-exporter", ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{node}",
                                      *node_options()], platform.folder, {}),
            Process("blackbox-exporter", ["prometheus-blackbox-exporter",
                                          f"--config.file={self.folder}/blackbox.yml",
                                          f"--web.listen-address=127.0.0.1:{blackbox}"],
                    platform.folder, {}),
        ]
        self.process = Process("prometheus", [
            "prometheus", f"--config.file={path}", f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}"], platform.folder, {})
        platform.processes.update({helper.name: helper for helper in self.helpers})
        platform.processes["prometheus"] = self.process

    def wait(self) -> None:
        """Until all targets answer and windows of WINDOW are full."""
        def all_up():
            targets = self.get("/api/v1/targets?state=active")["activeTargets"]
            down = [f"{t['labels']['job']} {t['lastError']}" for t in targets if t["health"] != "up"]
            if down or len(targets) < 10:
                raise Failure(f"{len(targets)} targets, down: {down}")
            return True
        wait_until("all targets of deploy/prometheus", all_up, 60, [self.process, *self.helpers])
        full = f"count_over_time(processor_lag_seconds[{WINDOW}]) >= 15"
        wait_until("a filled window", lambda: self.query(full), 90, [self.process])

    def get(self, path: str):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list:
        try:
            return self.get("/api/v1/query?query=" + urllib.parse.quote(expression))["result"]
        except urllib.error.HTTPError as error:
            raise Failure(f"`{expression}`: {error.read().decode()}") from None

    def names(self) -> set[str]:
        return set(self.get("/api/v1/label/__name__/values"))


def node_options() -> list[str]:
    """As docker-compose.yml starts it, but for the root file system."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    options = compose["services"]["node-exporter"]["command"]
    return [option for option in options if not option.startswith("--path")]


def here(job: dict, platform, own: int, node: int, blackbox: int, gateway: str) -> None:
    """Replaces the container network's names by ports of this machine."""
    ports = {**{f"{name}:{port}": platform.ports[name] for name, port in RUNNING.items()},
             "node-exporter:9100": node, "127.0.0.1:9090": own}
    if "dns_sd_configs" in job:
        names = job.pop("dns_sd_configs")[0]["names"]
        moved = platform.broker.metrics_port if job["job_name"] == "kafka" else None
        job["static_configs"] = [] if moved is None else [
            {"targets": [f"127.0.0.1:{moved}"], "labels": {"__meta_dns_name": names[0]}}]
        return
    configs = []
    for config in job["static_configs"]:
        for target in config["targets"]:
            if target in ports:
                labels = {"service": target.split(":")[0]} if job["job_name"] == "services" else {}
                configs.append({"targets": [f"127.0.0.1:{ports[target]}"], "labels": labels})
            else:
                # Through the blackbox exporter; there is no TLS in the plain variant.
                to = f"{gateway}/healthz/live" if target.startswith("http:") else target
                configs.append({"targets": [to]})
    job["static_configs"] = configs
    if job["job_name"] == "services":
        # The label comes from the name above.
        job.pop("relabel_configs", None)
    for rule in job.get("relabel_configs", []):
        if rule.get("replacement") == "blackbox-exporter:9115":
            rule["replacement"] = f"127.0.0.1:{blackbox}"


def exported(prometheus: Prometheus, names: set[str]) -> None:
    """What services export is in the table of metrics, of the kind that it says."""
    catalogue = metrics.catalogue()
    known = {series for metric in catalogue.values() for series in metric.series()}
    told = {row["metric"]["__name__"] for row in prometheus.query('{job="services"}')}
    own = {"up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_series_added",
           "scrape_samples_post_metric_relabeling"}
    if unknown := told - known - own:
        raise Failure(f"exported, but not in docs/reference/metrics.md: {sorted(unknown)}")
    labels = {"job", "service", "instance", "__name__", "le"}
    for row in prometheus.query('{job="services"}'):
        name = re.sub("_(bucket|sum|count)$", "", row["metric"]["__name__"])
        if name in catalogue and (extra := set(row["metric"]) - labels - catalogue[name].labels):
            raise Failure(f"{name}: labels {extra} are not in docs/reference/metrics.md")
    kinds = prometheus.get("/api/v1/metadata")
    for name, metric in catalogue.items():
        for entry in kinds.get(name, []):
            if entry["type"] not in (metric.kind, "unknown"):
                raise Failure(f"{name} is a {entry['type']}, the table says {metric.kind}")
    seen = len({name for name in catalogue if set(catalogue[name].series()) & names})
    print(f"  {seen} of {len(catalogue)} metrics seen, none beyond the table")


def report(prometheus: Prometheus, platform) -> None:
    """`algotrade ops report`: figures for every stage, and a page that needs nothing but itself."""
    page = platform.folder / "report.html"
    command = [platform.binaries / "algotrade", "ops", "report", "--from", "30s", "--step", "5",
               "--prometheus", f"http://127.0.0.1:{prometheus.port}"]
    told = json.loads(run([*command, "--json", "--html", page], only_output=True))
    for flow in told["throughput"]:
        # A session that has traded may trade no more within the period.
        quiet = flow["name"] in ("signals", "executions", "events pushed")
        if not quiet and not flow["peak_per_second"] >= flow["per_second"] * 0.9 > 0:
            raise Failure(f"throughput: {flow}")
    for stage in told["latency"]:
        if stage["stage"] == "4 log to browser" and not stage["count"]:
            continue  # nothing happened that a browser could be told
        p50, p95, p99 = (stage[f"p{percent}_seconds"] for percent in (50, 95, 99))
        if not stage["count"] > 0 or not 0 < p50 <= p95 <= p99 < 30:
            raise Failure(f"latency: {stage}")
    if {service["service"] for service in told["services"]} != set(RUNNING):
        raise Failure(f"services: {told['services']}")
    if any(service["up"] < 1 for service in told["services"]):
        raise Failure(f"services: {told['services']}")
    behind = {lag["of"] for lag in told["lag"]}
    if not {"strategy", "forward-test", "notification-service"} <= behind:
        raise Failure(f"lag of {behind}")
    wrong = [error for error in told["errors"]
             if error["count"] and error["name"] in ("answers with 5xx", "ledgers found wrong")]
    measured = [each["measured"] for each in told["objectives"][:2]]
    if wrong or len(told["objectives"]) != 3 or None in measured:
        raise Failure(f"errors {wrong}, objectives {told['objectives']}")
    html = page.read_text()
    if html.count("<svg") < 10 or re.search(r"(src|href)=|https?://|<script", html):
        raise Failure(f"the page has {html.count('<svg')} plots, or needs something else")
    table = run(command)
    for words in ("trades to the log", "4 log to browser", "notification-service"):
        if words not in table:
            raise Failure(f"`{words}` is not in:\n{table}")
    refused = run([*command[:3], "--prometheus", "http://127.0.0.1:9"], codes=(1,))
    if "Prometheus does not answer" not in refused:
        raise Failure(f"without Prometheus: {refused}")
    empty = run([*command[:3], "--prometheus", command[-1], "--from", "2020-01-01T00:00:00Z",
                 "--until", "2020-01-02T00:00:00Z"], codes=(1,))
    if "has no services between" not in empty:
        raise Failure(f"of a period without data: {empty}")
    print(f"  a report of {len(told['latency'])} stages, its page has {html.count('<svg')} plots")


def rules(prometheus: Prometheus) -> None:
    """Every rule is evaluated without an error, and of a healthy platform none complains."""
    groups = prometheus.get("/api/v1/rules")["groups"]
    every = [rule for group in groups for rule in group["rules"]]
    for rule in every:
        if rule["health"] == "err":
            raise Failure(f"rule {rule['name']}: {rule['lastError']}")
    # A container of a test machine has no clock of its own to synchronise, nor a disk of its own.
    machine = {"ClockWrong", "DiskFilling", "DiskNearlyFull", "Watchdog"}
    firing = {rule["name"] for rule in every if rule.get("state") == "firing"} - machine
    if firing:
        raise Failure(f"the platform is well and these fire: {sorted(firing)}")
    print(f"  {len(every)} rules evaluated, none fires")


def expressions() -> list[tuple[str, str]]:
    """Every query of every dashboard, with its place."""
    found = []
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            found += [(f"{path.name}, {panel['title']}", target["expr"])
                      for target in panel.get("targets", [])]
        found += [(f"{path.name}, annotation {annotation['name']}", annotation["expr"])
                  for annotation in dashboard["annotations"]["list"]]
    return found


def filled(expression: str, window: str = WINDOW) -> str:
    """Grafana's variables, as Grafana fills them in."""
    return expression.replace("$__rate_interval", window).replace("$service", ".*")


def named(expression: str) -> set[str]:
    """The metrics that a query names."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\{[^}]*\}|\b(by|without|on|ignoring|group_left)\s*\([^)]*\)|\[[^]]*\]", "", bare)
    return {word for word in re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)
            if "_" in word or ":" in word or word in ("up", "ALERTS")}


def panels(prometheus: Prometheus, names: set[str]) -> None:
    """Every panel's query is right, and gives data where its metrics are there."""
    empty, absent = [], 0
    for place, expression in expressions():
        # Recording rules of an hour have data from the first minute on.
        result = prometheus.query(filled(expression))
        if result or any(part in expression for part in FILTERS) or "annotation" in place:
            continue
        if named(expression) <= names:
            empty.append(f"{place}: {expression}")
        else:
            absent += 1
    if empty:
        raise Failure("no data, though the metrics are there:\n" + "\n".join(empty))
    print(f"  {len(expressions())} queries of dashboards answered; {absent} are of events that "
          "did not happen")
