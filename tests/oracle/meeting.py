"""Open orders meet a trade, and what that does to their siblings.

Written from "What a trade does" and "Exits and groups" in crates/paper-exchange/README.md.
"""

import copy
from fractions import Fraction

from market import Rejected, Tick
from numbers_exact import floor8, text
from orders import Order, clean, fall_of


def worse(action, price, than):
    return price > than if action == "BUY" else price < than


class Meeting:
    """The part of a session that fills orders."""

    def meet_all(self, price, volume, time, quote):
        tick = Tick(self.market, price, volume, time, quote)
        filled = False
        for order in list(self.pending):
            if order.state != "closed":
                filled = self.meet(order, tick) or filled
        self.pending = [order for order in self.pending if order.state != "closed"]
        return filled

    def meet(self, order, tick):
        if order.expired(tick.time):
            what = "day: the order's day is over" if order.tif == "day" \
                else "gtd: the order's time is over"
            self.close_order(order, "EXPIRED", tick.time, what)
            return False
        if order.arrives is not None and order.arrives > tick.time:
            return False
        if order.state == "armed":
            if order.reached(tick.price):
                order.state = "live"
                self.triggered(order, tick.time)
            return False
        if order.state == "resting":
            return self.wait_in_book(order, tick)
        return self.go_to_market(order, tick)

    def go_to_market(self, order, tick):
        try:
            base = tick.base_price(order.action)
        except Rejected as why:
            if order.waits_since is None:
                order.waits_since = tick.time
            model = self.market.model
            waited = (tick.time - order.waits_since) / Fraction(10**6)
            longest = int(model.get("max_wait_seconds", "60"))
            waits = model.get("stale", "wait") == "wait" and int(waited) < longest
            if not waits or order.immediate:
                self.give_up(order, None, tick.time, why.reason)
            return False
        if order.limit is not None:
            if worse(order.action, base, order.limit):
                self.enter_book(order, tick.time)
                return False
            if order.post_only:
                why = f"post_only: at {text(base)} the order would fill at once"
                self.give_up(order, None, tick.time, why)
                return False
        if tick.left == 0:
            self.unfilled(order, tick.time)
            return False
        try:
            price, remaining = self.price_and_size(order, base, tick)
        except Rejected as why:
            self.give_up(order, why.quantity, tick.time, why.reason)
            return False
        if price is None:
            self.enter_book(order, tick.time)
            return False
        if remaining == 0:
            why = "position_closed: there is nothing left to sell"
            self.close_order(order, "CANCELLED", tick.time, why)
            return False
        quantity = self.now(remaining, tick)
        if order.tif == "fok" and quantity != remaining:
            why = "fok: the order could not be filled whole at once"
            self.close_order(order, "CANCELLED", tick.time, why)
            return False
        order.ordered = order.filled + remaining
        filled = self.fill(order, quantity, price, base, "taker", tick)
        if order.state != "closed":
            self.unfilled(order, tick.time)
        return filled

    @staticmethod
    def now(remaining, tick):
        return remaining if tick.left is None else min(remaining, tick.left)

    def price_and_size(self, order, base, tick):
        def size_at(price):
            if order.remaining is not None:
                return order.remaining
            return self.size(order, price, self.market.taker)

        first = size_at(base)
        price = tick.slipped(order.action, base, self.now(first, tick))
        if order.limit is not None and worse(order.action, price, order.limit):
            return None, None
        remaining = first if price == base else size_at(price)
        if order.ordered is None:
            self.check_size(remaining, price)
        if order.reduce_only:
            remaining = min(remaining, self.position)
        return price, remaining

    def unfilled(self, order, time):
        if order.limit is not None or order.immediate:
            self.enter_book(order, time)

    def enter_book(self, order, time):
        if order.immediate:
            why = "fok: the order could not be filled whole at once" if order.tif == "fok" \
                else "ioc: the order could not be filled at once"
            self.close_order(order, "CANCELLED", time, why)
            return
        order.state = "resting"
        if self.market.model["kind"] == "volume":
            order.ahead = Fraction(self.market.model.get("queue", 0))

    def wait_in_book(self, order, tick):
        through = worse(order.action, order.limit, tick.price)
        if not through and order.limit != tick.price:
            return False
        remaining = order.remaining
        if order.reduce_only:
            remaining = min(remaining, self.position)
        if tick.left is None:
            if not through:
                return False
            quantity = remaining
        else:
            quantity = min(remaining, tick.left if through else tick.serve_queue(order))
        if quantity == 0:
            return False
        order.ordered = order.filled + remaining
        return self.fill(order, quantity, order.limit, order.limit, "maker", tick)

    def give_up(self, order, quantity, time, reason):
        if order.filled:
            self.close_order(order, "CANCELLED", time, reason)
            return
        order.state = "closed"
        if quantity is None:
            quantity = order.ordered
        self.reject(order, time, Rejected(reason, quantity))

    def close_order(self, order, status, time, reason):
        order.state = "closed"
        self.say_order(order, status, time, reason)

    def close_where(self, time, reason, which):
        for other in self.pending:
            if other.state != "closed" and which(other):
                self.close_order(other, "CANCELLED", time, reason)

    # Siblings

    def triggered(self, order, time):
        self.say_order(order, "TRIGGERED", time, order.reason)
        if order.leg != "entry":
            self.close_where(
                time, "bracket: another exit was reached",
                lambda o: o.signal_id == order.signal_id and o.leg != order.leg,
            )
        self.cancel_group(order, time)

    def cancel_group(self, order, time):
        if order.group is not None:
            self.close_where(
                time, "oco: another order of the group was reached",
                lambda o: o.group == order.group and o.id != order.id,
            )

    def after_fill(self, order, quantity, price, time):
        if order.exits:
            if order.fills == 1:
                self.place_exits(order, quantity, price, time)
            else:
                self.grow_exits(order, quantity, time)
        if order.leg.startswith("take_profit"):
            self.close_where(
                time, "bracket: an exit was reached",
                lambda o: o.signal_id == order.signal_id and o.leg == "entry",
            )
            self.shrink_stop(order, quantity, time)
        self.cancel_group(order, time)
        if self.position == 0:
            self.close_where(
                time, "position_closed: there is nothing left to sell", lambda o: o.reduce_only
            )

    def shares(self, entry, quantity):
        portions = [Fraction(target["portion"]) for target in entry.take_profit]
        left, shares = quantity, []
        for index, portion in enumerate(portions):
            last = index + 1 == len(portions)
            share = left if last and sum(portions) == 100 \
                else self.market.round_quantity(quantity * portion / 100)
            left -= share
            shares.append(share)
        return shares

    def exit_order(self, entry, leg, terms, quantity, time):
        what = "stop-loss" if leg == "stop_loss" else "take-profit"
        order = Order(
            "SELL", Fraction(100), "percent_of_position", clean(f"{what}: {entry.reason}"), time,
            terms | {"reduce_only": True}, entry.signal_id,
        )
        order.leg, order.ordered = leg, quantity
        return order

    def place_exits(self, entry, quantity, price, time):
        risk = Fraction(0)
        if entry.stop_loss:
            risk = fall_of(entry.stop_loss["distance"], price, risk)
            stop = self.market.exit_price(price - risk)
            trailing = entry.stop_loss.get("trailing")
            terms = {"kind": "stop", "stop": stop} if trailing is None \
                else {"kind": "trailing_stop", "percent": trailing}
            order = self.exit_order(entry, "stop_loss", terms, quantity, time)
            if trailing is not None:
                order.level = stop
            self.admit(order, time)
        for index, share in enumerate(self.shares(entry, quantity)):
            distance = fall_of(entry.take_profit[index]["distance"], price, risk)
            terms = {"kind": "limit", "limit": self.market.exit_price(price + distance)}
            if share:
                leg = f"take_profit/{index}"
                self.admit(self.exit_order(entry, leg, terms, share, time), time)

    def grow_exits(self, entry, quantity, time):
        shares = self.shares(entry, quantity)
        for order in self.pending:
            if order.signal_id != entry.signal_id or order.state == "closed" \
                    or order.leg == "entry":
                continue
            more = quantity if order.leg == "stop_loss" else shares[int(order.leg.split("/")[1])]
            order.ordered += more
            self.say_order(order, "OPEN", time, "bracket: more was bought")

    def shrink_stop(self, target, quantity, time):
        for order in self.pending:
            if order.signal_id == target.signal_id and order.leg == "stop_loss" \
                    and order.state != "closed":
                left = order.ordered - quantity
                if left <= order.filled:
                    why = "bracket: another exit was reached"
                    self.close_order(order, "CANCELLED", time, why)
                    return
                order.ordered = left
                self.say_order(order, "OPEN", time, "bracket: a target sold a part")
                return

    # Changes

    def replaced(self, order, change):
        new = copy.copy(order)

        def wrong(what):
            return Rejected(f"invalid_order: {what}")

        if change.get("limit") is not None:
            if new.limit is None:
                raise wrong("the order has no limit")
            new.limit = Fraction(change["limit"])
        if change.get("trigger") is not None:
            if new.kind in ("stop", "stop_limit"):
                new.stop = Fraction(change["trigger"])
            elif new.kind == "take_profit":
                new.target = Fraction(change["trigger"])
            else:
                raise wrong("the order has no trigger that can be changed")
            if new.state != "armed":
                raise wrong("the order was triggered already")
        if change.get("quantity") is not None:
            quantity = Fraction(change["quantity"])
            if quantity <= new.filled or quantity != floor8(quantity):
                raise wrong(
                    "the quantity must be above what is filled, with at most 8 decimals"
                )
            new.ordered = quantity
        new.check_terms(self.market)
        if new.limit is not None and new.ordered is not None:
            self.check_size(new.ordered, new.limit)
            needed, available = self.reserved_by(new), self.available(order)
            if needed > available:
                raise Rejected(
                    f"insufficient_cash: the order is for {text(needed)}, "
                    f"cash is {text(available)}"
                )
        if new.state == "resting":
            new.state = "live"
        return new
