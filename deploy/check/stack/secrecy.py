"""No secret is in any log of the run."""

from stack.machine import Failure


def check(platform) -> None:
    secrets = platform.secret_texts()
    logs = sorted(platform.folder.glob("*.log"))
    size = 0
    for log in logs:
        text = log.read_text(errors="replace")
        size += len(text)
        for name, secret in secrets.items():
            if secret in text:
                raise Failure(f"{log.name} contains {name}")
    if len(secrets) < 10 or size < 1000:
        raise Failure(f"only {len(secrets)} secrets and {size} characters of logs were compared")
    print(f"secrets: none of {len(secrets)} is in {len(logs)} logs ({size // 1024} KiB)")
