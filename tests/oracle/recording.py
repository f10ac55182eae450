"""Trades of a recording of Coinbase's ticker channel."""

import json
import subprocess
from fractions import Fraction
from typing import NamedTuple

import event_time


class Trade(NamedTuple):
    product: str
    trade_id: int
    price: Fraction
    volume: Fraction
    time: int

    @property
    def symbol(self):
        return self.product.replace("-", "")


def lines(path):
    """Lines of a text file, of a zstd file if its name says so, or of standard input (`-`)."""
    if not path.endswith(".zst"):
        with open("/dev/stdin" if path == "-" else path, encoding="utf-8") as file:
            yield from file
        return
    with subprocess.Popen(["zstdcat", path], stdout=subprocess.PIPE, encoding="utf-8") as process:
        yield from process.stdout
    if process.returncode != 0:
        raise OSError(f"zstdcat {path} ended with status {process.returncode}")


def trades(path, product=None, since=None, until=None):
    """Each trade once, ascending by trade id within its product, `since` <= time < `until`.

    That is what the platform publishes: repeats are dropped, and a trade that arrives late is a gap
    that is filled before anything newer goes out.
    """
    by_product = {}
    for line in lines(path):
        frame = json.loads(line)
        if frame.get("type") != "ticker" or product not in (None, frame["product_id"]):
            continue
        time = event_time.parse(frame["time"])
        if (since is not None and time < since) or (until is not None and time >= until):
            continue
        trade = Trade(
            frame["product_id"],
            int(frame["trade_id"]),
            Fraction(frame["price"]),
            Fraction(frame["last_size"]),
            time,
        )
        by_product.setdefault(trade.product, {}).setdefault(trade.trade_id, trade)
    for found in by_product.values():
        yield from (found[trade_id] for trade_id in sorted(found))
