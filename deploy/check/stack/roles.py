"""Each service's role in Postgres: its own schema and nothing else."""

from facts import SERVICES
from stack.machine import Failure, run


def check(platform, _session) -> None:
    urls = {service: (platform.secrets / f"database-url-{service}").read_text()
            for service in SERVICES}
    for service, url in urls.items():
        schema = service.replace("-", "_")
        own = run(["psql", "-qXAt", url, "-c",
                   f"SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}'"
                   f" AND tableowner = '{service}'"])
        if int(own) < 2:
            raise Failure(f"{service} owns {own.strip()} tables of its schema")
        forbidden = ["CREATE SCHEMA elsewhere", "CREATE TABLE public.t (i int)",
                     "CREATE TEMPORARY TABLE t (i int)", "CREATE ROLE somebody"]
        forbidden += [f"SELECT * FROM {other.replace('-', '_')}._migrations"
                      for other in SERVICES if other != service]
        for statement in forbidden:
            answer = run(["psql", "-qX", url, "-c", statement], codes=(1,))
            if "permission denied" not in answer:
                raise Failure(f"{service}: `{statement}` answered {answer}")
    print(f"  {len(urls)} roles, each with its own schema and no other")
