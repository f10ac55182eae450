"""Event times as whole microseconds since 1970."""

import re
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
PATTERN = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?Z")


def parse(time):
    """RFC 3339 in UTC with any number of fraction digits; those beyond six are cut off."""
    match = PATTERN.fullmatch(time)
    if not match:
        raise ValueError(f"{time!r} is not a time such as 2025-11-25T04:00:00.049274Z")
    date, clock, fraction = match.groups()
    seconds = datetime.fromisoformat(f"{date}T{clock}+00:00") - EPOCH
    micros = int((fraction or "0").ljust(6, "0")[:6])
    return seconds // timedelta(microseconds=1) + micros


def text(micros):
    """With six fraction digits and Z."""
    moment = EPOCH + timedelta(microseconds=micros)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}Z"


def minute(micros):
    return micros // 60_000_000
