"""Each service's role in Postgres: its own schema and nothing else; `ops` takes the audit rows as well."""

from facts import RUNNING
from stack.machine import Failure, run, wait_until

# Where changes are noted, by the service that does.
OUTBOXES = {"strategy": "strategy.audit_outbox", "forward-test": "forward_test.audit_outbox",
            "notification": "notification.audit_outbox"}


def check(platform, _session) -> None:
    urls = {service: (platform.secrets / f"database-url-{service}").read_text()
            for service in RUNNING}
    for service, url in urls.items():
        schema = service.replace("-", "_")
        own = run(["psql", "-qXAt", url, "-c",
                   f"SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}'"
                   f" AND tableowner = '{service}'"])
        if int(own) < 2:
            raise Failure(f"{service} owns {own.strip()} tables of its schema")
        statements = ["CREATE SCHEMA elsewhere", "CREATE TABLE public.t (i int)",
                      "CREATE TEMPORARY TABLE t (i int)", "CREATE ROLE somebody"]
        statements += [f"SELECT * FROM {other.replace('-', '_')}._migrations"
                       for other in RUNNING if other != service]
        if service != "ops":
            statements += [f"DELETE FROM {table}" for owner, table in OUTBOXES.items()
                           if owner != service]
        forbidden(service, url, statements)
    outboxes(platform, urls)
    print(f"  {len(urls)} roles, each with its own schema and no other; ops relays the audit log")


def forbidden(service: str, url: str, statements: list[str]) -> None:
    for statement in statements:
        answer = run(["psql", "-qX", url, "-c", statement], codes=(1,))
        if "permission denied" not in answer:
            raise Failure(f"{service}: `{statement}` answered {answer}")


def outboxes(platform, urls: dict[str, str]) -> None:
    """`ops` may take what is noted and nothing else, and has taken it: alice's session began."""
    for service, table in OUTBOXES.items():
        schema = table.split(".")[0]
        run(["psql", "-qX", urls["ops"], "-c", f"SELECT count(*) FROM {table}"])
        run(["psql", "-qX", urls["ops"], "-c", f"DELETE FROM {table} WHERE FALSE"])
        forbidden("ops", urls["ops"], [
            f"UPDATE {table} SET actor = 'nobody'",
            f"INSERT INTO {table} (actor, action, subject) VALUES ('a', 'b', 'c')",
            f"CREATE TABLE {schema}.t (i int)",
        ])
        wait_until(f"the rows of {table} on audit-logs", lambda table=table: run(
            ["psql", "-qXAt", urls["ops"], "-c", f"SELECT count(*) = 0 FROM {table}"]
        ).strip() == "t", processes=[platform.processes["ops"]])
    told = run([platform.binaries / "algotrade", "tail", "audit-logs", "--json"],
               platform.environment("kafka-setup"))
    for action in ("strategy.create", "session.create"):
        if action not in told:
            raise Failure(f"audit-logs has no {action}:\n{told[-2000:]}")
