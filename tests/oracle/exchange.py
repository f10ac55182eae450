"""The paper exchange, written from the rules in crates/paper-exchange/README.md alone.

Everything is a Fraction, so nothing is ever rounded except where a rule says so. Slow on purpose:
it is here to be obviously right.
"""

import hashlib
from fractions import Fraction

import event_time
from market import MAX_PRICE, Market, Rejected
from meeting import Meeting
from numbers_exact import INCREMENT, NotExact, exact, floor8, round8, scale_of, text
from orders import DAY, LARGE, MAX_PENDING, Order, fall_of
from risk import Risk


class InvalidTrade(Exception):
    """A trade whose price the exchange does not take."""


class Session(Meeting):
    """One session. `outputs` holds everything it said, as dictionaries with a `kind`."""

    def __init__(self, initial_balance, fee_rate, terms=None):
        terms = terms or {}
        self.initial_balance = initial_balance
        self.market = Market(terms.get("market", {}), fee_rate)
        self.risk = Risk(terms.get("risk", {}))
        # FIFO: [quantity, cost] of each purchase that is still held.
        self.lots = [] if terms.get("cost_method") == "fifo" else None
        self.paused = False
        self.closing = False
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

    def pause(self, time):
        if self.running and not self.paused:
            self.paused = True
            self.say("paused", time)

    def resume(self, time):
        if self.running and (self.paused or self.risk.blocked):
            self.paused = False
            self.risk.clear(self.equity)
            self.say("resumed", time)

    def close(self, signal_id, time):
        if not self.running or self.closing:
            return
        self.closing = True
        self.cancel_all("closing: the session sells its position and stops", time)
        if self.position:
            self.signals += 1
            self.admit(Order(
                "SELL", Fraction(100), "percent_of_position",
                "the session closes its position", time, None, signal_id,
            ), time)
        self.stop_if_closed(time)

    def stop_if_closed(self, time):
        if self.closing and not self.pending:
            self.stop(time)

    def cancel_all(self, reason, time):
        waiting, self.pending = self.pending, []
        for order in waiting:
            self.say_order(order, "CANCELLED", time, reason)

    def on_gap(self, time):
        if not self.running or self.market.gap != "reject":
            return
        for order in self.pending:
            if order.state == "live" and order.limit is None:
                self.give_up(
                    order, None, time, "market_gap: trades of the market are missing"
                )
        self.pending = [order for order in self.pending if order.state != "closed"]
        self.stop_if_closed(time)

    def on_trade(self, price, time, volume=Fraction(1), quote=None):
        """Raises InvalidTrade or NotExact, before anything has changed."""
        if not self.running:
            return
        if not 0 < price <= MAX_PRICE or scale_of(price) > 8:
            raise InvalidTrade(text(price))
        equity = exact(self.cash + exact(self.position * price))
        before = self.equity
        self.price = price
        reason = self.risk.observe(time // DAY, before, equity)
        if reason:
            halted = self.risk.halted
            self.say("risk", time, reason=reason, halted=halted)
            if halted and not self.closing:
                self.cancel_all(reason, time)
        filled = self.meet_all(price, volume, time, quote)
        minute = event_time.minute(time)
        if self.latest_minute is None or minute > self.latest_minute:
            self.latest_minute = minute
            if not filled:
                self.equity_point("equity", time)
        self.stop_if_closed(time)

    def on_signal(self, order, manual=False):
        if not self.running:
            return
        self.signals += 1
        try:
            self.check(order, manual)
        except Rejected as rejected:
            self.reject(order, order.time, rejected)
        else:
            self.admit(order, order.time)

    def check(self, order, manual):
        if self.closing:
            raise Rejected("session_closing: the session sells its position and stops")
        if self.paused and not manual:
            raise Rejected("session_paused: the session is paused")
        if self.risk.blocked and (self.risk.halted or order.action == "BUY"):
            raise Rejected(self.risk.blocked)
        order.check_quantity(len(self.pending))
        order.check_terms(self.market)
        if order.limit is not None:
            limit, fee_rate = order.limit, max(self.market.maker, self.market.taker)
            quantity = self.size(order, limit, fee_rate)
            self.check_size(quantity, limit)
            notional = quantity * limit
            fee = round8(notional * fee_rate)
            if order.action == "BUY":
                self.check_cash(quantity, limit, notional + fee, fee, self.available(None))
            if order.action == "SELL" and quantity > self.position:
                if not order.reduce_only:
                    raise self.exceeds_position(quantity)
                quantity = self.position
            order.ordered = quantity
        if not self.risk.admits(event_time.minute(order.time)):
            raise Rejected(
                f"risk_max_orders_per_minute: {self.risk.per_minute} orders were taken "
                "in this minute already",
                order.ordered,
            )
        latency = self.market.latency_ms(self.signals)
        if latency is not None:
            order.arrives = order.time + latency * 1000

    def admit(self, order, time):
        if not self.silent(order):
            self.say_order(order, "OPEN", time, order.reason)
        self.pending.append(order)

    def silent(self, order):
        return order.plain and self.market.fills_at_once

    def find(self, order_id):
        return next((order for order in self.pending if order.id == order_id), None)

    def cancel(self, order_id, time):
        order = self.find(order_id)
        if order:
            self.pending.remove(order)
            self.say_order(order, "CANCELLED", time, "cancelled: as asked")
            self.stop_if_closed(time)

    def replace(self, order_id, change, time):
        order = self.find(order_id)
        if order is None:
            return
        try:
            new, reason = self.replaced(order, change), "replaced: as asked"
            self.pending[self.pending.index(order)] = new
        except Rejected as why:
            new, reason = order, f"replace_rejected: {why.reason}"
        self.say_order(new, "OPEN", time, reason)

    def reserved_by(self, order):
        if order.action != "BUY" or order.limit is None:
            return Fraction(0)
        notional = order.remaining * order.limit
        return notional + round8(notional * max(self.market.maker, self.market.taker))

    def available(self, own):
        reserved = sum(
            self.reserved_by(order) for order in self.pending
            if order.limit is not None and order is not own and order.state != "closed"
        )
        return max(self.cash - reserved, Fraction(0))

    def check_size(self, quantity, price):
        market, worth = self.market, quantity * price
        increment = market.quantity_increment
        if increment and quantity % increment:
            raise Rejected(
                f"quantity_increment: {text(quantity)} is not a multiple of {text(increment)}",
                quantity,
            )
        if market.min_quantity is not None and quantity < market.min_quantity:
            raise Rejected(
                f"below_min_quantity: the order is for {text(quantity)}, "
                f"it must be at least {text(market.min_quantity)}",
                quantity,
            )
        if market.min_notional is not None and worth < market.min_notional:
            raise Rejected(
                f"below_min_notional: the order is worth {text(worth)}, "
                f"it must be at least {text(market.min_notional)}",
                quantity,
            )
        limit = self.risk.max_order
        if limit is not None and worth > limit:
            raise Rejected(
                f"risk_max_order: the order is worth {text(worth)}, the limit is {text(limit)}",
                quantity,
            )

    # A fill

    def buys(self, amount, price, fee_rate):
        """The largest multiple of 1e-8 that costs at most `amount`, fee included.

        In whole numbers, as it is searched step by step: price and fee rate in 1e-8, money in
        1e-16, of which a cost is always a multiple.
        """
        price, rate = int(price * 10**8), int(fee_rate * 10**8)
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

    def from_equity(self, order, price, fee_rate, available):
        asked = order.quantity
        most = order.terms.get("most")
        ceiling = available if order.action == "BUY" else None
        if most is not None:
            ceiling = Fraction(most) if ceiling is None else min(ceiling, Fraction(most))
        amount = asked
        if order.quantity_type != "amount_at_risk":
            amount = (self.cash + self.position * price) * asked / 100
        if order.quantity_type == "percent_of_equity":
            quantity = self.buys(amount if ceiling is None else min(amount, ceiling),
                                 price, fee_rate)
        else:
            fall = fall_of(order.terms["risk_distance"], price, Fraction(0))
            quantity = floor8(floor_to_grain(amount) / fall)
            if ceiling is not None:
                quantity = min(quantity, self.buys(ceiling, price, fee_rate))
        return quantity if order.action == "BUY" else min(quantity, self.position)

    def size(self, order, price, fee_rate):
        asked = order.quantity
        available = self.available(order)
        if order.action == "SELL" and self.position == 0:
            raise Rejected("no_position: there is nothing to sell")
        if order.quantity_type == "units":
            quantity = asked
            increment = self.market.quantity_increment
            if increment and quantity % increment:
                raise Rejected(
                    f"quantity_increment: {text(quantity)} is not a multiple of {text(increment)}"
                )
        elif order.quantity_type == "cash_amount":
            if order.action == "BUY" and asked > available:
                raise Rejected(
                    f"insufficient_cash: the order is for {text(asked)}, cash is {text(available)}"
                )
            quantity = self.buys(asked, price, fee_rate)
        elif order.quantity_type == "percent_of_cash":
            budget = available * asked / 100
            if budget >= LARGE:
                raise Rejected(
                    f"budget_too_large: {text(asked)} percent of cash is not below {LARGE}"
                )
            quantity = self.buys(budget, price, fee_rate)
        elif order.quantity_type == "percent_of_position":
            quantity = floor8(self.position * asked / 100)
        else:
            quantity = self.from_equity(order, price, fee_rate, available)
        if order.quantity_type != "units":
            quantity = self.market.round_quantity(quantity)
        if quantity == 0:
            raise Rejected(
                f"quantity_rounds_to_zero: {text(asked)} {order.quantity_type} "
                f"at {text(price)} is less than 0.00000001 units"
            )
        try:
            return exact(quantity)
        except NotExact:
            raise self.imprecise(price, None) from None

    @staticmethod
    def imprecise(price, quantity):
        reason = f"precision_exceeded: a fill at {text(price)} can't be computed exactly"
        return Rejected(reason, quantity)

    def exceeds_position(self, quantity):
        return Rejected(
            f"exceeds_position: selling {text(quantity)}, the position is {text(self.position)}",
            quantity,
        )

    @staticmethod
    def check_cash(quantity, price, cost, fee, available):
        if cost > available:
            raise Rejected(
                f"insufficient_cash: buying {text(quantity)} at {text(price)} costs "
                f"{text(cost)} with a fee of {text(fee)}, cash is {text(available)}",
                quantity,
            )

    def fill(self, order, quantity, price, base, liquidity, tick):
        """Fills or gives up; True if it filled."""
        beyond = price - base if order.action == "BUY" else base - price
        rate = self.market.maker if liquidity == "maker" else self.market.taker
        try:
            try:
                if order.action == "BUY":
                    self.risk.check_position((self.position + quantity) * price, quantity)
                slippage = exact(beyond * quantity)
                fee, realized = self.settle(order, quantity, price, rate)
            except NotExact:
                raise self.imprecise(price, quantity) from None
        except Rejected as rejected:
            self.give_up(order, rejected.quantity, tick.time, rejected.reason)
            return False
        if tick.left is not None:
            tick.left -= quantity
        order.filled += quantity
        self.execution(
            order, "FILLED", quantity, fee, realized, tick.time, order.reason,
            price=text(price), slippage=text(slippage), liquidity=liquidity,
            remaining=text(order.remaining),
        )
        self.equity_point("equity", tick.time)
        order.fills += 1
        if order.remaining == 0:
            order.state = "closed"
        self.after_fill(order, quantity, price, tick.time)
        return True

    def settle(self, order, quantity, price, rate):
        """Changes the ledger; returns fee and realised PnL. Raises before anything has changed."""
        if order.action == "SELL" and quantity > self.position:
            raise self.exceeds_position(quantity)
        notional = exact(quantity * price)
        fee = exact(round8(notional * rate))
        lots = None if self.lots is None else [list(lot) for lot in self.lots]
        if order.action == "BUY":
            cost = exact(notional + fee)
            self.check_cash(quantity, price, cost, fee, self.available(order))
            cash = exact(self.cash - cost)
            position = exact(self.position + quantity)
            basis = exact(self.basis + notional)
            realized = exact(-fee)
            if lots is not None:
                lots.append([quantity, notional])
        else:
            proceeds = exact(notional - fee)
            sold = self.cost_of(quantity) if lots is None else self.take_lots(lots, quantity)
            cash = exact(self.cash + proceeds)
            position = exact(self.position - quantity)
            basis = exact(self.basis - sold)
            realized = exact(proceeds - sold)
        total_realized = exact(self.realized + realized)
        fees = exact(self.fees + fee)
        exact(cash + exact(position * self.price))
        check = exact(exact(cash + exact(position * price)) + fees)
        if check != self.cash + self.position * price + self.fees:
            raise AssertionError("money was created or destroyed")
        if cash + basis - total_realized != self.cash + self.basis - self.realized:
            raise AssertionError("an entry has only one side")
        self.cash, self.position, self.basis = cash, position, basis
        self.realized, self.fees, self.lots = total_realized, fees, lots
        return fee, realized

    def cost_of(self, quantity):
        if quantity == self.position:
            return self.basis
        return exact(min(round8(self.basis * quantity / self.position), self.basis))

    @staticmethod
    def take_lots(lots, quantity):
        cost = Fraction(0)
        while quantity:
            lot = lots[0]
            taken = min(quantity, lot[0])
            part = lot[1] if taken == lot[0] else min(round8(lot[1] * taken / lot[0]), lot[1])
            cost, quantity = cost + part, quantity - taken
            lot[0], lot[1] = lot[0] - taken, lot[1] - part
            if lot[0] == 0:
                lots.pop(0)
        return cost

    # Outputs

    @property
    def equity(self):
        return self.cash + self.position * self.price

    def end(self, time):
        waiting, self.pending = self.pending, []
        self.running = False
        for order in waiting:
            if order.state == "closed":
                continue
            reason = "session_stopped: the session stopped before a trade could fill the order"
            if self.silent(order):
                self.reject(order, time, Rejected(reason))
            else:
                self.say_order(order, "CANCELLED", time, reason)

    def reject(self, order, time, rejected):
        quantity = rejected.quantity
        if quantity is None:
            quantity = order.quantity if order.quantity_type == "units" else Fraction(0)
        zero = Fraction(0)
        self.execution(order, "REJECTED", quantity, zero, zero, time, rejected.reason)

    def execution(self, order, status, quantity, fee, realized, time, reason, **more):
        fields = {"price": text(self.price), "slippage": "0", "liquidity": None, "remaining": "0"}
        self.say(
            "execution",
            time,
            action=order.action,
            status=status,
            quantity=text(quantity),
            fee=text(fee),
            realized_pnl=text(realized),
            cash=text(self.cash),
            position=text(self.position),
            reason=reason,
            order_id=order.id,
            **(fields | more),
        )

    def say_order(self, order, status, time, reason):
        def number(value):
            return None if value is None else text(value)

        self.say(
            "order",
            time,
            id=order.id,
            status=status,
            action=order.action,
            type=order.kind,
            quantity=number(order.ordered),
            filled=text(order.filled),
            limit=number(order.limit),
            trigger=number(order.trigger),
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


def floor_to_grain(amount):
    """Down to a multiple of 1e-16."""
    return Fraction((amount * 10**16).__floor__(), 10**16)


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
