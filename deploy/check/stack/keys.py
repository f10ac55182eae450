"""Tokens: operators' are let in where users' aren't, and the key that signs is replaced in flight."""

from facts import ROOT, RUNNING
from stack.machine import Failure, run, wait_until

# What each service lets nobody do without a token; who has one is let in, or told something else.
REQUESTS = {
    "notification": ("GET", "/v1/auth/me"),
    "market-data": ("DELETE", "/v1/subscriptions/NOSUCHUSD"),
    "strategy": ("GET", "/v1/strategies"),
    "forward-test": ("GET", "/v1/sessions"),
    "ops": ("GET", "/v1/ops/health"),
}
REFUSED = 401


def check(platform, _session) -> None:
    operators(platform)
    before = platform.token("olga", "--operator")
    replace(platform, "replace-auth-key")
    after = platform.token("olga", "--operator")
    if before.split(".")[0] == after.split(".")[0]:
        raise Failure("the tokens' heads name the same key")
    for service in RUNNING:
        for which, token in [("the old key", before), ("the new key", after)]:
            expect(platform, service, token, True, which)
        expect(platform, service, "nonsense", False, "nonsense")
    replace(platform, "drop-old-auth-keys")
    for service in RUNNING:
        wait_until(f"{service} to forget the old key",
                   lambda service=service: status(platform, service, before) == REFUSED,
                   20, [platform.processes[service]])
        expect(platform, service, after, True, "the only key")
    print(f"  {len(RUNNING)} services took a new key while they ran, and forgot the old one")


def operators(platform) -> None:
    found = status(platform, "ops", platform.token("alice"))
    if found != 403:
        raise Failure(f"ops answers {found} to a user who is no operator")

    def all_ready():
        token = platform.token("olga", "--operator")
        found = platform.call("GET", "ops", REQUESTS["ops"][1], token)["items"]
        status = {health["service"]: health["status"] for health in found}
        if set(status) != set(RUNNING) - {"ops"} or set(status.values()) != {"ready"}:
            raise Failure(f"ops says {status}")
        return True
    wait_until("ops to say that all are ready", all_ready, processes=[platform.processes["ops"]])


def status(platform, service: str, token: str) -> int:
    method, path = REQUESTS[service]
    return platform.status(method, service, path, token)


def expect(platform, service: str, token: str, let_in: bool, what: str) -> None:
    found = status(platform, service, token)
    if (found != REFUSED) != let_in or found >= 500:
        raise Failure(f"{service}, {what}: {found}")


def replace(platform, command: str) -> None:
    run(["sh", ROOT / "deploy/compose/init-secrets.sh", command],
        {"SECRETS_DIR": str(platform.secrets), **platform.owners(), "AUTH_KEY_WAIT": "6"})
