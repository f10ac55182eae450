"""A session's risk limits, from "Risk limits" in crates/paper-exchange/README.md."""

from fractions import Fraction

from market import Rejected, optional
from numbers_exact import text


class Risk:
    def __init__(self, terms):
        self.max_position = optional(terms, "max_position")
        self.max_order = optional(terms, "max_order")
        self.per_minute = terms.get("max_orders_per_minute")
        self.max_daily_loss = optional(terms, "max_daily_loss")
        self.max_drawdown = optional(terms, "max_drawdown")
        self.halts = terms.get("action") == "halt"
        self.minute, self.orders = 0, 0
        self.day = None
        self.day_start = self.highest = Fraction(0)
        self.blocked = None
        self.until_tomorrow = False

    @property
    def halted(self):
        return self.blocked is not None and self.halts

    def admits(self, minute):
        if self.per_minute is None:
            return True
        if minute != self.minute:
            self.minute, self.orders = minute, 0
        if self.orders >= int(self.per_minute):
            return False
        self.orders += 1
        return True

    def clear(self, equity):
        self.blocked = None
        self.day_start = self.highest = equity

    def check_position(self, worth, quantity):
        if self.max_position is not None and worth > self.max_position:
            raise Rejected(
                f"risk_max_position: the position would be worth {text(worth)}, "
                f"the limit is {text(self.max_position)}",
                quantity,
            )

    def observe(self, day, before, equity):
        if self.max_daily_loss is None and self.max_drawdown is None:
            return None
        if self.day is None:
            self.day_start = self.highest = before
        elif day > self.day:
            self.day_start = before
            if self.until_tomorrow:
                self.blocked = None
        self.day = day if self.day is None else max(day, self.day)
        self.highest = max(self.highest, equity)
        if self.blocked is not None:
            return None
        loss, fall = self.day_start - equity, self.highest - equity
        if self.max_daily_loss is not None and loss >= self.max_daily_loss:
            self.until_tomorrow = not self.halts
            self.blocked = (
                f"risk_max_daily_loss: the day's loss is {text(loss)}, "
                f"the limit is {text(self.max_daily_loss)}"
            )
        elif self.max_drawdown is not None and fall * 100 >= self.max_drawdown * self.highest:
            self.until_tomorrow = False
            self.blocked = (
                f"risk_max_drawdown: equity fell by {text(fall)} from {text(self.highest)}, "
                f"the limit is {text(self.max_drawdown)} percent"
            )
        return self.blocked
