"""Tokens: operators' are let in where users' aren't, and the key that signs is replaced in flight."""

from facts import ROOT, RUNNING
from stack.machine import Failure, run, wait_until

# A path of each service that needs a token.
PATHS = {
    "notification": "/v1/auth/me",
    "market-data": "/v1/subscriptions",
    "strategy": "/v1/strategies",
    "forward-test": "/v1/sessions",
    "ops": "/v1/ops/health",
}


def check(platform, _session) -> None:
    operators(platform)
    before = platform.token("olga", "--operator")
    replace(platform, "replace-auth-key")
    after = platform.token("olga", "--operator")
    if before.split(".")[0] == after.split(".")[0]:
        raise Failure("the tokens' heads name the same key")
    for service in RUNNING:
        for which, token in [("the old key", before), ("the new key", after)]:
            expect(platform, service, token, 200, which)
    replace(platform, "drop-old-auth-keys")
    for service in RUNNING:
        wait_until(f"{service} to forget the old key",
                   lambda service=service: platform.status(service, PATHS[service], before) == 401,
                   20, [platform.processes[service]])
        expect(platform, service, after, 200, "the only key")
    print(f"  {len(RUNNING)} services took a new key while they ran, and forgot the old one")


def operators(platform) -> None:
    expect(platform, "ops", platform.token("alice"), 403, "a user's token")
    expect(platform, "ops", "nonsense", 401, "no token")

    def all_ready():
        token = platform.token("olga", "--operator")
        found = platform.call("GET", "ops", PATHS["ops"], token)["items"]
        status = {health["service"]: health["status"] for health in found}
        if set(status) != set(RUNNING) - {"ops"} or set(status.values()) != {"ready"}:
            raise Failure(f"ops says {status}")
        return True
    wait_until("ops to say that all are ready", all_ready, processes=[platform.processes["ops"]])


def expect(platform, service: str, token: str, status: int, what: str) -> None:
    found = platform.status(service, PATHS[service], token)
    if found != status:
        raise Failure(f"{service}, {what}: {found} instead of {status}")


def replace(platform, command: str) -> None:
    run(["sh", ROOT / "deploy/compose/init-secrets.sh", command],
        {"SECRETS_DIR": str(platform.secrets), **platform.owners(), "AUTH_KEY_WAIT": "6"})
