"""Every metric of the services, read from their source: name, kind, labels, meaning.

As a module for the checks of rules and dashboards; as a program it prints docs/reference/metrics.md.
"""

import re
import sys
from dataclasses import dataclass, field

from facts import ROOT

SOURCES = ["crates/service-kit/src", "crates/kafka-common/src", "services/market-data/src",
           "services/strategy/src", "services/forward-test/src", "services/notification/src",
           "crates/ops/src"]
# Who exports it, by the beginning of its name; else all services.
OWNERS = {"market_data_": "market-data", "strategy_": "strategy", "forward_test_": "forward-test",
          "notification_": "notification", "processor_": "strategy, forward-test", "ops_": "ops"}
# Of those that their service neither describes nor comments on.
MEANINGS = {
    "auth_key_changes_total":
        "Changes of the file with the keys of tokens, by outcome: taken, refused, unreadable",
    "forward_test_commands_ignored_total": "Users' commands for sessions that have ended or aren't known",
    "forward_test_executions_total": "Executions, by status: filled, rejected and so on",
    "forward_test_invalid_ticks_total": "Ticks whose price or volume can't be; they are skipped",
    "forward_test_ledger_errors_total": "Sessions that were stopped because their ledger was wrong",
    "forward_test_past_ticks_total": "Ticks that sessions met again which began in the past",
    "forward_test_risk_limits_total": "Risk limits that sessions ran into",
    "forward_test_signals_ignored_total": "Records of strategy-signals without effect, by reason: unknown or ended session, another user's, a repeat (see docs/bad-signals.md)",
    "notification_channels": "Channels that somebody listens to or whose history is kept",
    "notification_connections": "Open connections of browsers",
    "notification_consumer_restarts_total": "Times that the consumer ended and was started again",
    "http_server_slow_heads_total":
        "Connections that were closed because no whole request came in time",
    "notification_deliveries_given_up_total":
        "Notifications outside the page that aren't tried any more, by why: failed, expired, full",
    "notification_deliveries_suppressed_total":
        "Notifications outside the page that were beyond their user's limit an hour",
    "notification_deliveries_waiting":
        "Notifications outside the page that are due and wait, of all replicas",
    "notification_delivery_attempts_total": "Calls of users' targets, by form and outcome",
    "notification_delivery_duration_seconds": "Time of a call of a user's target, or of a mail to it",
    "notification_delivery_errors_total":
        "Times that the database didn't answer to what goes outside the page",
    "notification_history_bytes": "Events kept for browsers that resume",
    "notification_published_total": "Events published to channels, by event",
    "notification_push_latency_seconds":
        "From the production of the source record until its push was handed to the network",
    "notification_queued_bytes": "Events that wait for slow browsers",
    "notification_recoveries_total": "Browsers that asked for what they missed, by outcome",
    "notification_repeats_dropped_total": "Records seen before, by topic",
    "notification_sign_ins_shed_total": "Sign-ins that were sent away because too many were being checked",
    "notification_sign_ins_total": "Attempts to sign in, by outcome: succeeded, refused, locked",
    "notification_subscriptions": "Subscriptions of open connections",
    "notification_targets":
        "Webhooks and chats of all users, by health: working, failing, down (five failures in a row), off",
    "strategy_backtest_duration_seconds": "Time of a backtest over HTTP, from its begin to its outcome",
    "strategy_backtests_running": "Backtests over HTTP that run in this replica",
    "strategy_backtests_total":
        "Backtests over HTTP that ended in this replica, by status: done, failed, abandoned",
    "strategy_compile_duration_seconds": "Time of a compilation",
    "strategy_gaps_total":
        "Marks of missing trades that sessions met, by what their strategies do: carry_on, reset, pause",
    "strategy_past_ticks_total": "Ticks that sessions met again which began in the past",
    "strategy_sessions_failed_total":
        "Sessions that were stopped: their evaluation panicked, which is a bug, or their past can't be met",
    "strategy_shared_sessions":
        "Sessions of this replica that share an evaluator, because their states have become equal",
    "strategy_signals_total": "Signals produced",
    "strategy_undefined_values_total":
        "Calculations of sessions without a value, such as divisions by zero; none of them trades",
    "notification_store_errors_total":
        "Times that Redis, which replicas share, didn't answer or not as it should",
    "notification_store_following": "1 while the replica follows what replicas share",
    "ops_audit_waiting": "Audit rows that wait to be relayed, by schema",
    "ops_failures_total": "Loops of `algotrade ops` that failed and do so again later, by loop",
    "ops_produced_total": "Records that `algotrade ops` wrote, by topic",
    "ops_service_ready": "1 if the probed service says that it is ready",
}
USE = re.compile(r'\b(?:metrics::)?(counter|gauge|histogram)!\(\s*"(\w+)"(.*?)\)\s*(?:\.|;|\n)', re.S)
DESCRIPTION = re.compile(
    r'\bdescribe_(counter|gauge|histogram)!\(\s*"(\w+)",\s*(?:(?:metrics::)?Unit::\w+,\s*)?'
    r'"((?:[^"\\]|\\.)*)",?\s*\)', re.S)
# `let labels = [("processor", ...), ...]`, used as `&labels`.
LABEL_LIST = re.compile(r'let labels = \[(.*?)\];', re.S)


@dataclass
class Metric:
    """A metric as Prometheus sees it."""

    name: str
    kind: str
    labels: set[str] = field(default_factory=set)
    meaning: str = ""

    @property
    def owner(self) -> str:
        for beginning, owner in OWNERS.items():
            if self.name.startswith(beginning):
                return owner
        return "all"

    def series(self) -> list[str]:
        """The names that a query can use."""
        if self.kind == "histogram":
            return [f"{self.name}_{part}" for part in ("bucket", "sum", "count")]
        return [self.name]


def catalogue() -> dict[str, Metric]:
    metrics: dict[str, Metric] = {}
    described: dict[str, str] = {}
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.rs")):
            read(path.read_text(), metrics, described)
    for name, meaning in described.items():
        if name not in metrics:
            raise SystemExit(f"{name} is described and never recorded")
        metrics[name].meaning = meaning
    for metric in metrics.values():
        metric.meaning = MEANINGS.get(metric.name, metric.meaning)
        if not metric.meaning:
            raise SystemExit(f"{metric.name}: describe it, or comment on the function that records "
                             "it, or add it to MEANINGS in deploy/check/metrics.py")
    return dict(sorted(metrics.items()))


def read(text: str, metrics: dict[str, Metric], described: dict[str, str]) -> None:
    text = text.split("#[cfg(test)]\nmod tests {")[0]
    for _, name, meaning in DESCRIPTION.findall(text):
        described[name] = re.sub(r"\\\n\s*", "", meaning).replace('\\"', '"')
    for use in USE.finditer(text):
        kind, name, rest = use.groups()
        metric = metrics.setdefault(name, Metric(name, kind))
        if metric.kind != kind:
            raise SystemExit(f"{name} is a {metric.kind} and a {kind}")
        metric.labels |= set(re.findall(r'"(\w+)" =>', rest))
        if "&labels" in rest:
            before = LABEL_LIST.findall(text[: use.start()])
            metric.labels |= set(re.findall(r'\(\s*"(\w+)"', before[-1]))
        if not metric.meaning:
            metric.meaning = comment_above(text[: use.start()])


def comment_above(text: str) -> str:
    """The doc comment of the function that records a metric: for those that have no description."""
    function = re.search(r"((?:[ \t]*///[^\n]*\n)*)[ \t]*(?:pub(?:\(\w+\))? )?fn \w+[^{]*\{\s*$", text)
    lines = re.findall(r"///\s?(.*)", function.group(1)) if function else []
    return " ".join(lines).rstrip(".")


def table() -> str:
    lines = [
        "# Metrics", "",
        "Generated from the source by `scripts/generate-docs.sh`; a test compares. Each service tells",
        "them on `/metrics`, in Prometheus' text format. A series appears with its first event. Histograms",
        "have the buckets 0.5 ms to 30 s and the series `_bucket`, `_sum` and `_count`. Prometheus adds",
        "the label `service`.", "",
        "Names follow OpenTelemetry's conventions for messaging and HTTP where there is one, else",
        "`<service>_<what>_<unit>`; counters end in `_total`, times are in seconds.", "",
        "| metric | kind | labels | of | meaning |", "|---|---|---|---|---|",
    ]
    for metric in catalogue().values():
        labels = ", ".join(f"`{label}`" for label in sorted(metric.labels)) or "-"
        meaning = (metric.meaning or "-").replace("|", "\\|")
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.owner} | {meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
