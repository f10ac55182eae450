"""Orders: what they carry, what is refused before a market is known, and what has become of them.

Written from "Orders" in crates/paper-exchange/README.md.
"""

import unicodedata
import uuid
from fractions import Fraction

from market import MAX_PRICE, Rejected, optional
from numbers_exact import round8, scale_of, text

MAX_PENDING = 100
REASON_LENGTH = 256
LARGE = 10**20
DAY = 86_400_000_000
NAMESPACE = uuid.UUID("5db1ee85-8c08-5388-b59d-3c95a3100785")
PERCENTAGES = ("percent_of_cash", "percent_of_position", "percent_of_equity", "percent_at_risk")
AT_RISK = ("percent_at_risk", "amount_at_risk")


def clean(reason):
    return "".join(" " if unicodedata.category(c) == "Cc" else c for c in reason[:REASON_LENGTH])


def fall_of(distance, price, risk):
    kind, figure = distance[0], Fraction(distance[1])
    if kind == "percent":
        fall = price * figure / 100
    elif kind == "amount":
        fall = figure
    else:
        fall = risk * figure
    return min(max(round8(fall), Fraction(1, 10**8)), MAX_PRICE)


class Order:
    """An order as a signal asks for it, and what has become of it."""

    def __init__(self, action, quantity, quantity_type, reason, time, terms=None, signal_id=None):
        self.action, self.quantity, self.quantity_type = action, quantity, quantity_type
        self.reason, self.time = clean(reason), time
        self.signal_id = signal_id or str(uuid.UUID(int=0))
        self.terms = terms or {}
        self.kind = self.terms.get("kind", "market")
        self.limit = optional(self.terms, "limit")
        self.stop = optional(self.terms, "stop")
        self.target = optional(self.terms, "target")
        self.percent = optional(self.terms, "percent")
        self.tif = self.terms.get("tif", "gtc")
        self.until = self.terms.get("until")
        self.reduce_only = self.terms.get("reduce_only", False)
        self.post_only = self.terms.get("post_only", False)
        self.group = self.terms.get("group")
        self.stop_loss = self.terms.get("stop_loss")
        self.take_profit = self.terms.get("take_profit", [])
        self.leg = "entry"
        self.state = "live" if self.kind in ("market", "limit") else "armed"
        self.ordered = None
        self.filled = Fraction(0)
        self.fills = 0
        self.arrives = None
        self.level = None
        self.ahead = Fraction(0)
        self.waits_since = None

    @property
    def id(self):
        if self.leg == "entry":
            return self.signal_id
        return str(uuid.uuid5(NAMESPACE, f"{self.signal_id}/{self.leg}"))

    @property
    def plain(self):
        return not self.terms

    @property
    def exits(self):
        return bool(self.stop_loss) or bool(self.take_profit)

    @property
    def immediate(self):
        return self.tif in ("ioc", "fok")

    @property
    def remaining(self):
        return None if self.ordered is None else self.ordered - self.filled

    @property
    def trigger(self):
        if self.level is not None:
            return self.level
        return self.stop if self.stop is not None else self.target

    def expired(self, time):
        if self.tif == "gtd":
            return time >= self.until
        return self.tif == "day" and time // DAY > self.time // DAY

    def reached(self, price):
        sells = self.action == "SELL"
        if self.kind == "trailing_stop":
            here = round8(price * (100 - self.percent if sells else 100 + self.percent) / 100)
            if self.level is None:
                self.level = here
            self.level = max(self.level, here) if sells else min(self.level, here)
        if sells != (self.kind == "take_profit"):
            return price <= self.trigger
        return price >= self.trigger

    def check_quantity(self, pending):
        quantity = text(self.quantity)
        if pending >= MAX_PENDING:
            raise Rejected(f"too_many_orders: {MAX_PENDING} orders are already waiting for a trade")
        if self.quantity <= 0:
            raise Rejected(
                f"quantity_not_positive: the quantity is {quantity}, it must be above 0"
            )
        if scale_of(self.quantity) > 8:
            raise Rejected(
                f"quantity_too_precise: the quantity {quantity} has more than 8 decimals"
            )
        if self.quantity_type in PERCENTAGES and self.quantity > 100:
            raise Rejected(
                f"percent_too_large: the quantity is {quantity} percent, it must be at most 100"
            )
        if self.quantity >= LARGE:
            raise Rejected(
                f"quantity_too_large: the quantity is {quantity}, it must be below {LARGE}"
            )

    def check_terms(self, market):
        def wrong(what):
            return Rejected(f"invalid_order: {what}")

        for price in (self.stop, self.target, self.limit):
            if price is None:
                continue
            if not 0 < price <= MAX_PRICE or scale_of(price) > 8:
                raise wrong(
                    "a price must be above 0, at most 1000000000000, with at most 8 decimals"
                )
            increment = market.price_increment
            if increment and price % increment:
                raise Rejected(
                    f"price_increment: {text(price)} is not a multiple of {text(increment)}"
                )
        for trailing in (self.percent, optional(self.stop_loss or {}, "trailing")):
            if trailing is not None and (not 0 < trailing < 100 or scale_of(trailing) > 8):
                raise wrong(
                    "a trailing percentage must be above 0 and below 100, with at most 8 decimals"
                )
        if self.post_only and (self.limit is None or self.immediate):
            raise wrong("post-only is for limit orders that may wait")
        if self.reduce_only and self.action == "BUY":
            raise wrong("a purchase never reduces the position")
        if self.tif == "gtd" and self.until <= self.time:
            raise wrong("its time is over before it is placed")
        if self.exits and self.action == "SELL":
            raise wrong("a stop-loss and a take-profit belong to a purchase")
        portions = [Fraction(target["portion"]) for target in self.take_profit]
        if len(portions) > 9 or any(p <= 0 for p in portions) or sum(portions) > 100:
            raise wrong("at most 9 targets, of portions above 0 that add up to at most 100")
        stop = self.stop_loss and self.stop_loss["distance"]
        risk = self.terms.get("risk_distance")
        targets = [target["distance"] for target in self.take_profit]
        for distance in targets + [d for d in (stop, risk) if d]:
            if not 0 < Fraction(distance[1]) <= MAX_PRICE:
                raise wrong("a distance must be above 0 and at most 1000000000000")
        by_risk = any(distance[0] == "risk" for distance in targets)
        if any(d and d[0] == "risk" for d in (stop, risk)) or (by_risk and not stop):
            raise wrong("a distance in multiples of the stop's needs a stop that has its own")
        if self.quantity_type in AT_RISK and not risk:
            raise wrong("a size by what is at risk needs a distance")
        most = optional(self.terms, "most")
        if most is not None and (not 0 < most <= MAX_PRICE or scale_of(most) > 8):
            raise wrong(
                "the most that it may cost must be above 0, at most 1000000000000, "
                "with at most 8 decimals"
            )
