"""Other ways to evaluate the crossover of SMA 10 and SMA 30 on ticks, for `algotrade bench strategy`.

usage: peers.py TICKS, a file of lines with microseconds, price and volume.

Prints one JSON object a line: {"peer", "version"}, which is null where it isn't installed, and
{"peer", "rate", "crossings"} for each, in ticks a second. Times are the processor's.
"""

import collections
import importlib.metadata
import json
import sys
import time

FAST, SLOW = 10, 30


def say(**line):
    print(json.dumps(line), flush=True)


def read(path):
    times, prices, volumes = [], [], []
    with open(path) as lines:
        for line in lines:
            micros, price, volume = line.split(",")
            times.append(int(micros))
            prices.append(float(price))
            volumes.append(float(volume))
    return times, prices, volumes


def hand_written(times, prices, volumes):
    """As one would write it: two sums over a deque, no library."""
    fast_values, slow_values = collections.deque(), collections.deque()
    fast_sum = slow_sum = 0.0
    before = None
    crossings = 0
    begun = time.process_time()
    for price in prices:
        fast_values.append(price)
        slow_values.append(price)
        fast_sum += price
        slow_sum += price
        if len(fast_values) > FAST:
            fast_sum -= fast_values.popleft()
        if len(slow_values) > SLOW:
            slow_sum -= slow_values.popleft()
        if len(slow_values) < SLOW:
            continue
        difference = fast_sum / FAST - slow_sum / SLOW
        if before is not None and ((before <= 0 < difference) or (before >= 0 > difference)):
            crossings += 1
        before = difference
    return time.process_time() - begun, crossings


def nautilus(times, prices, volumes):
    """Its back-testing engine with its averages on trade ticks; no order is placed."""
    from decimal import Decimal

    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.indicators import SimpleMovingAverage
    from nautilus_trader.model.currencies import BTC, USDT
    from nautilus_trader.model.data import TradeTick
    from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, PriceType
    from nautilus_trader.model.identifiers import TradeId, Venue
    from nautilus_trader.model.objects import Money, Price, Quantity
    from nautilus_trader.test_kit.providers import TestInstrumentProvider
    from nautilus_trader.trading.strategy import Strategy

    instrument = TestInstrumentProvider.btcusdt_binance()

    class Crossover(Strategy):
        def on_start(self):
            self.fast = SimpleMovingAverage(FAST, PriceType.LAST)
            self.slow = SimpleMovingAverage(SLOW, PriceType.LAST)
            self.before = None
            self.crossings = 0
            self.register_indicator_for_trade_ticks(instrument.id, self.fast)
            self.register_indicator_for_trade_ticks(instrument.id, self.slow)
            self.subscribe_trade_ticks(instrument.id)

        def on_trade_tick(self, tick):
            if not self.slow.initialized:
                return
            difference = self.fast.value - self.slow.value
            before, self.before = self.before, difference
            if before is not None and ((before <= 0 < difference) or (before >= 0 > difference)):
                self.crossings += 1

    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(100_000, USDT), Money(10, BTC)],
    )
    engine.add_instrument(instrument)
    engine.add_data([
        TradeTick(
            instrument.id,
            Price(price, instrument.price_precision),
            Quantity(max(volume, 0.000001), instrument.size_precision),
            AggressorSide.BUYER,
            TradeId(str(index)),
            micros * 1000,
            micros * 1000,
        )
        for index, (micros, price, volume) in enumerate(zip(times, prices, volumes))
    ])
    strategy = Crossover()
    engine.add_strategy(strategy)
    begun = time.process_time()
    engine.run()
    return time.process_time() - begun, strategy.crossings


def backtrader(times, prices, volumes):
    """Its engine, step by step, on bars of one trade each."""
    import datetime

    import backtrader as bt

    class Ticks(bt.feed.DataBase):
        def start(self):
            super().start()
            self.place = 0

        def _load(self):
            if self.place >= len(prices):
                return False
            moment = datetime.datetime.fromtimestamp(times[self.place] / 1e6, datetime.timezone.utc)
            self.lines.datetime[0] = bt.date2num(moment.replace(tzinfo=None))
            price = prices[self.place]
            self.lines.open[0] = self.lines.high[0] = price
            self.lines.low[0] = self.lines.close[0] = price
            self.lines.volume[0] = volumes[self.place]
            self.lines.openinterest[0] = 0
            self.place += 1
            return True

    class Crossover(bt.Strategy):
        def __init__(self):
            fast, slow = bt.ind.SMA(period=FAST), bt.ind.SMA(period=SLOW)
            self.cross = bt.ind.CrossOver(fast, slow)
            self.crossings = 0

        def next(self):
            if self.cross[0] != 0:
                self.crossings += 1

    cerebro = bt.Cerebro(runonce=False, stdstats=False)
    cerebro.adddata(Ticks(timeframe=bt.TimeFrame.Ticks))
    cerebro.addstrategy(Crossover)
    begun = time.process_time()
    [strategy] = cerebro.run()
    return time.process_time() - begun, strategy.crossings


def vectorbt(times, prices, volumes):
    """All at once over arrays, which no session that lives can do."""
    import pandas
    import vectorbt as vbt

    series = pandas.Series(prices)

    def once():
        fast, slow = vbt.MA.run(series, FAST), vbt.MA.run(series, SLOW)
        return int(fast.ma_crossed_above(slow).sum() + fast.ma_crossed_below(slow).sum())

    once()  # compiles
    begun = time.process_time()
    crossings = once()
    return time.process_time() - begun, crossings


def main():
    data = read(sys.argv[1])
    for peer, package, evaluate in [
        ("CPython", None, hand_written),
        ("nautilus_trader", "nautilus_trader", nautilus),
        ("backtrader", "backtrader", backtrader),
        ("vectorbt", "vectorbt", vectorbt),
    ]:
        try:
            version = importlib.metadata.version(package) if package else sys.version.split()[0]
        except importlib.metadata.PackageNotFoundError:
            say(peer=peer, version=None)
            continue
        try:
            seconds, crossings = evaluate(*data)
        except Exception as error:  # another version of it may have other names
            say(peer=peer, version=version, error=f"{type(error).__name__}: {error}")
            continue
        say(peer=peer, version=version)
        say(peer=peer, rate=len(data[1]) / seconds, crossings=crossings)


main()
