"""How a session's market answers: prices of takers, shares of the volume, latency.

Written from "Markets" in crates/paper-exchange/README.md.
"""

from fractions import Fraction
from math import ceil, isqrt

from numbers_exact import floor8, scale_of, text

MAX_PRICE = 10**12
UNIT = 10**8


class Rejected(Exception):
    """An order is refused; `quantity` is known if it had been sized."""

    def __init__(self, reason, quantity=None):
        super().__init__(reason)
        self.reason = reason
        self.quantity = quantity


def optional(terms, name):
    value = terms.get(name)
    return None if value is None else Fraction(value)


def splitmix(seed, number):
    mask = 2**64 - 1
    z = (seed + number * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


class Market:
    def __init__(self, terms, fee_rate):
        self.model = terms.get("fill_model", {"kind": "next_trade"})
        self.slippage = terms.get("slippage", {"kind": "none"})
        self.latency = terms.get("latency", {"kind": "none"})
        fees = terms.get("fees") or {"maker": fee_rate, "taker": fee_rate}
        self.maker, self.taker = Fraction(fees["maker"]), Fraction(fees["taker"])
        self.gap = terms.get("gap", "wait")
        product = terms.get("product", {})
        self.quantity_increment = optional(product, "quantity_increment")
        self.price_increment = optional(product, "price_increment")
        self.min_quantity = optional(product, "min_quantity")
        self.min_notional = optional(product, "min_notional")

    @property
    def fills_at_once(self):
        return self.model["kind"] == "next_trade" and self.latency["kind"] == "none"

    def latency_ms(self, number):
        kind = self.latency["kind"]
        if kind == "none":
            return None
        if kind == "fixed":
            return int(self.latency["ms"])
        low, high = int(self.latency["min_ms"]), int(self.latency["max_ms"])
        return low + splitmix(int(self.latency["seed"]), number) % (high - low + 1)

    def round_quantity(self, quantity):
        increment = self.quantity_increment
        return floor8(quantity) if increment is None else quantity // increment * increment

    def exit_price(self, price):
        increment = self.price_increment or Fraction(1, UNIT)
        return max(min(price, MAX_PRICE) // increment * increment, increment)


class Tick:
    """A trade while orders meet it."""

    def __init__(self, market, price, volume, time, quote):
        self.market, self.price, self.time, self.quote = market, price, time, quote
        self.volume = max(floor8(max(volume, Fraction(0))), Fraction(0))
        self.left = None
        if market.model["kind"] == "volume":
            self.left = floor8(self.volume * Fraction(market.model["share"]))

    def base_price(self, action):
        model = self.market.model
        if model["kind"] != "quote":
            return self.price
        if self.quote is None:
            raise Rejected("no_quote: the trade came without bid and ask")
        price = Fraction(self.quote["ask" if action == "BUY" else "bid"])
        if not 0 < price <= MAX_PRICE or scale_of(price) > 8:
            raise Rejected("no_quote: the trade came without bid and ask")
        age, limit = int(self.quote["age_ms"]), int(model["max_age_ms"])
        if age > limit:
            raise Rejected(
                f"stale_quote: bid and ask are {age} ms older than the trade, the limit is {limit}"
            )
        return price

    def slipped(self, action, price, quantity):
        slippage = self.market.slippage
        kind = slippage["kind"]
        if kind == "none":
            return price
        if kind == "fixed":
            beyond = Fraction(slippage["amount"])
        else:
            beyond = price * Fraction(slippage["rate"])
            if kind == "square_root":
                size, volume = int(quantity * UNIT), max(int(self.volume * UNIT), 1)
                beyond *= Fraction(isqrt(size * UNIT * UNIT // volume), UNIT)
            beyond = Fraction(ceil(beyond * UNIT), UNIT)
        if action == "BUY":
            return price + beyond
        if beyond >= price:
            raise Rejected(f"slippage_exceeds_price: nothing is left of the price {text(price)}")
        return price - beyond

    def serve_queue(self, order):
        """Those ahead are served first; what is left for the order behind them."""
        served = min(order.ahead, self.volume)
        order.ahead -= served
        rest = floor8((self.volume - served) * Fraction(self.market.model["share"]))
        return min(rest, self.left)


