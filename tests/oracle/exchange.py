"""The paper exchange, written from the rules in crates/paper-exchange/README.md alone.

Everything is a Fraction, so nothing is ever rounded except where a rule says so. Slow on purpose:
it is here to be obviously right.
"""

import hashlib
import unicodedata
from fractions import Fraction

import event_time
from numbers_exact import INCREMENT, NotExact, exact, floor8, round8, scale_of, text

MAX_PENDING = 100
REASON_LENGTH = 256
MAX_PRICE = 10**12
LARGE = 10**20


class Rejected(Exception):
    """An order is refused; `quantity` is known if it had been sized."""

    def __init__(self, reason, quantity=None):
        super().__init__(reason)
        self.reason = reason
        self.quantity = quantity


class InvalidTrade(Exception):
    """A trade whose price the exchange does not take."""


class Order:
    """A market order as a signal asks for it."""

    def __init__(self, action, quantity, quantity_type, reason, time):
        self.action = action
        self.quantity = quantity
        self.quantity_type = quantity_type
        kept = reason[:REASON_LENGTH]
        self.reason = "".join(" " if unicodedata.category(c) == "Cc" else c for c in kept)
        self.time = time

    def check(self, pending):
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
        if self.quantity_type.startswith("percent_") and self.quantity > 100:
            raise Rejected(
                f"percent_too_large: the quantity is {quantity} percent, it must be at most 100"
            )
        if self.quantity >= LARGE:
            raise Rejected(
                f"quantity_too_large: the quantity is {quantity}, it must be below {LARGE}"
            )


class Session:
    """One session. `outputs` holds everything it said, as dictionaries with a `kind`."""

    def __init__(self, initial_balance, fee_rate):
        self.initial_balance = initial_balance
        self.fee_rate = fee_rate
        self.cash = initial_balance
        self.position = Fraction(0)
        self.basis = Fraction(0)
        self.realized = Fraction(0)
        self.fees = Fraction(0)
        self.price = Fraction(0)
        self.pending = []
        self.latest_minute = None
        self.signals = 0
        self.running = False
        self.outputs = []

    # Calls

    def start(self, time):
        if not self.running and not self.outputs:
            self.running = True
            self.say("started", time)

    def stop(self, time):
        if self.running:
            self.end(time)
            self.equity_point("stopped", time)

    def fail(self, time):
        if self.running:
            self.end(time)
            self.say("failed", time)

    def on_trade(self, price, time):
        """Raises InvalidTrade or NotExact, before anything has changed."""
        if not self.running:
            return
        if not 0 < price <= MAX_PRICE or scale_of(price) > 8:
            raise InvalidTrade(text(price))
        exact(self.cash + exact(self.position * price))
        self.price = price
        filled = False
        waiting, self.pending = self.pending, []
        for order in waiting:
            filled = self.meet(order, time) or filled
        minute = event_time.minute(time)
        if self.latest_minute is None or minute > self.latest_minute:
            self.latest_minute = minute
            if not filled:
                self.equity_point("equity", time)

    def on_signal(self, order):
        if not self.running:
            return
        self.signals += 1
        try:
            order.check(len(self.pending))
        except Rejected as rejected:
            self.reject(order, order.time, rejected)
        else:
            self.pending.append(order)

    # A fill

    def fee(self, notional):
        return round8(notional * self.fee_rate)

    def buys(self, amount):
        """The largest multiple of 1e-8 that costs at most `amount`, fee included.

        In whole numbers, as it is searched step by step: price and fee rate in 1e-8, money in
        1e-16, of which a cost is always a multiple.
        """
        price, rate = int(self.price * 10**8), int(self.fee_rate * 10**8)
        budget = (amount * 10**16).__floor__()

        def affordable(steps):
            notional = steps * price
            fee = (2 * notional * rate + 10**16) // (2 * 10**16)
            return notional + fee * 10**8 <= budget

        low, high = 0, budget // price + 1
        while high - low > 1:
            middle = (low + high) // 2
            if affordable(middle):
                low = middle
            else:
                high = middle
        return low * INCREMENT

    def size(self, order):
        asked = order.quantity
        if order.action == "SELL" and self.position == 0:
            raise Rejected("no_position: there is nothing to sell")
        if order.quantity_type == "units":
            quantity = asked
        elif order.quantity_type == "cash_amount":
            if order.action == "BUY" and asked > self.cash:
                raise Rejected(
                    f"insufficient_cash: the order is for {text(asked)}, cash is {text(self.cash)}"
                )
            quantity = self.buys(asked)
        elif order.quantity_type == "percent_of_cash":
            budget = self.cash * asked / 100
            if budget >= LARGE:
                raise Rejected(
                    f"budget_too_large: {text(asked)} percent of cash is not below {LARGE}"
                )
            quantity = self.buys(budget)
        elif order.quantity_type == "percent_of_position":
            quantity = floor8(self.position * asked / 100)
        else:
            raise ValueError(f"unknown quantity type {order.quantity_type!r}")
        if quantity == 0:
            raise Rejected(
                f"quantity_rounds_to_zero: {text(asked)} {order.quantity_type} "
                f"at {text(self.price)} is less than 0.00000001 units"
            )
        try:
            return exact(quantity)
        except NotExact:
            raise self.imprecise(None) from None

    def imprecise(self, quantity):
        reason = f"precision_exceeded: a fill at {text(self.price)} can't be computed exactly"
        return Rejected(reason, quantity)

    def meet(self, order, time):
        """Fills or rejects; True if it filled."""
        try:
            quantity = self.size(order)
            try:
                fee, realized = self.settle(order.action, quantity)
            except NotExact:
                raise self.imprecise(quantity) from None
        except Rejected as rejected:
            self.reject(order, time, rejected)
            return False
        self.execution(order, "FILLED", quantity, fee, realized, time, order.reason)
        self.equity_point("equity", time)
        return True

    def settle(self, action, quantity):
        """Changes the ledger; returns fee and realised PnL. Raises before anything has changed."""
        price = self.price
        if action == "SELL" and quantity > self.position:
            raise Rejected(
                f"exceeds_position: selling {text(quantity)}, "
                f"the position is {text(self.position)}",
                quantity,
            )
        notional = exact(quantity * price)
        fee = exact(self.fee(notional))
        if action == "BUY":
            cost = exact(notional + fee)
            if cost > self.cash:
                raise Rejected(
                    f"insufficient_cash: buying {text(quantity)} at {text(price)} costs "
                    f"{text(cost)} with a fee of {text(fee)}, cash is {text(self.cash)}",
                    quantity,
                )
            cash = exact(self.cash - cost)
            position = exact(self.position + quantity)
            basis = exact(self.basis + notional)
            realized = exact(-fee)
        else:
            proceeds = exact(notional - fee)
            if quantity == self.position:
                sold = self.basis
            else:
                sold = exact(min(round8(self.basis * quantity / self.position), self.basis))
            cash = exact(self.cash + proceeds)
            position = exact(self.position - quantity)
            basis = exact(self.basis - sold)
            realized = exact(proceeds - sold)
        total_realized = exact(self.realized + realized)
        fees = exact(self.fees + fee)
        worth = exact(position * price)
        check = exact(exact(cash + worth) + fees)
        if check != self.cash + self.position * price + self.fees:
            raise AssertionError("money was created or destroyed")
        self.cash, self.position, self.basis = cash, position, basis
        self.realized, self.fees = total_realized, fees
        return fee, realized

    # Outputs

    @property
    def equity(self):
        return self.cash + self.position * self.price

    def end(self, time):
        waiting, self.pending = self.pending, []
        self.running = False
        for order in waiting:
            reason = "session_stopped: the session stopped before a trade could fill the order"
            self.reject(order, time, Rejected(reason))

    def reject(self, order, time, rejected):
        quantity = rejected.quantity
        if quantity is None:
            quantity = order.quantity if order.quantity_type == "units" else Fraction(0)
        zero = Fraction(0)
        self.execution(order, "REJECTED", quantity, zero, zero, time, rejected.reason)

    def execution(self, order, status, quantity, fee, realized, time, reason):
        self.say(
            "execution",
            time,
            action=order.action,
            status=status,
            quantity=text(quantity),
            price=text(self.price),
            fee=text(fee),
            realized_pnl=text(realized),
            cash=text(self.cash),
            position=text(self.position),
            reason=reason,
        )

    def equity_point(self, kind, time):
        self.say(
            kind,
            time,
            price=text(self.price),
            cash=text(self.cash),
            position=text(self.position),
            equity=text(self.equity),
        )

    def say(self, kind, time, **fields):
        sequence = len(self.outputs) + 1
        entry = {"kind": kind, "sequence": sequence, "timestamp": event_time.text(time)}
        self.outputs.append(entry | fields)

    def executions(self):
        return [output for output in self.outputs if output["kind"] == "execution"]

    def summary(self):
        executions = self.executions()
        fills = sum(e["status"] == "FILLED" for e in executions)
        return {
            "signals": str(self.signals),
            "fills": str(fills),
            "rejected": str(len(executions) - fills),
            "final_equity": text(self.equity),
            "ledger_sha256": ledger_sha256(executions),
        }


LINE = (
    "sequence", "action", "status", "quantity", "price", "fee", "realized_pnl",
    "cash", "position", "timestamp", "reason",
)


def ledger_sha256(executions):
    sha256 = hashlib.sha256()
    for execution in executions:
        line = "|".join(str(execution[field]) for field in LINE)
        sha256.update(f"{line}\n".encode())
    return sha256.hexdigest()
