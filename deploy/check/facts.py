"""What the design fixes about a deployment, once, for every check in this folder."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The services and their ports.
SERVICES = {
    "notification": 8080,
    "market-data": 8081,
    "strategy": 8082,
    "forward-test": 8083,
}

# The same and `algotrade ops`, which runs beside them.
RUNNING = {**SERVICES, "ops": 8084}
# In an image, and in a folder of binaries: what is started.
PROGRAMS = {**{name: [name] for name in SERVICES}, "ops": ["algotrade", "ops"]}

# Who answers which path, however many processes there are.
ROUTES = {
    "/": "notification",
    "/index.html": "notification",
    "/assets/index-B2c3.js": "notification",
    "/sessions/5d1f9c2e": "notification",
    "/connection/websocket": "notification",
    "/v1/notifications": "notification",
    "/v1/auth/guest": "notification",
    "/v1/auth/me": "notification",
    "/v1/status": "notification",
    "/v1/subscriptions": "market-data",
    "/v1/subscriptions/BTCUSD": "market-data",
    "/v1/products": "market-data",
    "/v1/ticks/BTCUSD": "market-data",
    "/v1/candles/BTCUSD": "market-data",
    "/v1/market/stream": "market-data",
    "/v1/strategies": "strategy",
    "/v1/strategies/compile": "strategy",
    "/v1/strategies/5d1f9c2e": "strategy",
    "/v1/templates": "strategy",
    "/v1/backtests": "strategy",
    "/v1/sessions": "forward-test",
    "/v1/sessions/5d1f9c2e": "forward-test",
    "/v1/sessions/5d1f9c2e/stop": "forward-test",
    "/v1/sessions/5d1f9c2e/trades": "forward-test",
    "/v1/sessions/5d1f9c2e/equity": "forward-test",
    "/v1/ops/health": "ops",
}

# Where the settings are declared.
SETTINGS_SOURCES = [
    "crates/service-kit/src/settings/sections.rs",
    "crates/service-kit/src/settings/notifications.rs",
    "crates/service-kit/src/settings/issuer.rs",
    "crates/kafka-common/src/settings.rs",
    "crates/kafka-common/src/security/mod.rs",
    "crates/kafka-common/src/producer/breaker.rs",
]
# Sections inside of another one.
INNER_SECTIONS = {
    "Security": "KAFKA__SECURITY",
    "Breaker": "KAFKA__BREAKER",
    "Gap": "FEED__GAP",
    "Issuer": "AUTH__ISSUER",
    "Smtp": "NOTIFICATIONS__SMTP",
}


def declared_settings() -> set[str]:
    """The variables that the services know. An unknown one stops a service at its start, so a typing
    error in a deployment is an outage; read from the code, this cannot fall behind it."""
    names = set()
    for source in SETTINGS_SOURCES:
        text = (ROOT / source).read_text()
        for struct, body in re.findall(r"pub struct (\w+)Settings \{(.*?)\n\}", text, re.DOTALL):
            section = INNER_SECTIONS.get(struct, struct.upper())
            for field, kind in re.findall(r"^    pub (\w+): (.+),$", body, re.MULTILINE):
                name = f"ALGOTRADE__{section}__{field.upper()}"
                names.add(name)
                if kind in ("SecretString", "Option<SecretString>"):
                    names.add(f"{name}_FILE")
    if "ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS" not in names:
        raise SystemExit(f"found no settings in {SETTINGS_SOURCES}")
    return names


SETTINGS = declared_settings()

# Kafka's tools, by the names that the specification calls them.
KAFKA_TOOLS = [
    "kafka-topics",
    "kafka-console-consumer",
    "kafka-consumer-groups",
    "kafka-broker-api-versions",
]

# A service ends at most this many seconds after SIGTERM.
DRAIN_SECONDS = 10


class Findings:
    """Collects what is wrong, so that one run tells all of it."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.checked = 0

    def require(self, right: bool, problem: str) -> None:
        self.checked += 1
        if not right:
            self.problems.append(problem)

    def finish(self, subject: str) -> int:
        for problem in self.problems:
            print(f"  wrong: {problem}")
        verdict = f"{len(self.problems)} wrong" if self.problems else "all right"
        print(f"{subject}: {self.checked} checks, {verdict}")
        return 1 if self.problems else 0
