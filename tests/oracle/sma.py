"""Crossings of a fast and a slow simple moving average, computed exactly."""

from collections import deque


class Crossover:
    """Feed it every price; it says "BUY", "SELL" or None.

    Both averages exist from the `slow`-th price on, so the first crossing can come with the price
    after that one. BUY: the fast average was not above the slow one, and now is. SELL: it was not
    below, and now is.
    """

    def __init__(self, fast, slow):
        if not 0 < fast < slow:
            raise ValueError("the periods must be 0 < fast < slow")
        self.fast, self.slow = fast, slow
        self.window = deque(maxlen=slow)
        self.fast_sum = self.slow_sum = 0
        self.previous = None

    def push(self, price):
        if len(self.window) == self.slow:
            self.slow_sum -= self.window[0]
        if len(self.window) >= self.fast:
            self.fast_sum -= self.window[-self.fast]
        self.window.append(price)
        self.fast_sum += price
        self.slow_sum += price
        if len(self.window) < self.slow:
            return None
        # The sign of fast_sum / fast - slow_sum / slow.
        difference = self.fast_sum * self.slow - self.slow_sum * self.fast
        previous, self.previous = self.previous, difference
        if previous is None:
            return None
        if previous <= 0 < difference:
            return "BUY"
        if previous >= 0 > difference:
            return "SELL"
        return None
