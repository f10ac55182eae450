"""nautilus_trader on the same trades, for `algotrade bench exchange`.

usage: peer.py TRADES

TRADES: a line a trade: nanoseconds since 1970, price. The strategy is the crossover of SMA 10
and 30 on trades: it buys for half of its cash where the fast average comes to lie above the slow
one, and sells all where it comes to lie below.

Its matching engine makes a book of one level a side out of each trade, of the trade's size, and fills
what is beyond that one tick further: with the trades' own sizes nearly every market order is filled
in two parts. The exchange that it is compared with fills an order whole at the next trade, as its
default model says, so the trades are given a size that does the same here: as many fills, for the same
orders. What stays different is when: the book is the trade's that the strategy sees, so an order
fills at the very price that caused it, where ours waits for the next trade. Prints one JSON object:
{"version": null} where nautilus_trader isn't installed, else version, seconds of the run (reading
and preparing not included), trades and fills.
"""

import json
import sys
import time

try:
    import nautilus_trader
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.indicators import SimpleMovingAverage
    from nautilus_trader.model.currencies import BTC, USDT
    from nautilus_trader.model.data import TradeTick
    from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, OrderSide
    from nautilus_trader.model.identifiers import TradeId, Venue
    from nautilus_trader.model.objects import Money, Price, Quantity
    from nautilus_trader.test_kit.providers import TestInstrumentProvider
    from nautilus_trader.trading.strategy import Strategy
except ImportError:
    print(json.dumps({"version": None}))
    sys.exit(0)


# Units; more than any order of the strategy.
WHOLE = 1_000.0


class Crossover(Strategy):
    def __init__(self, instrument):
        super().__init__()
        self.instrument = instrument
        self.fast = SimpleMovingAverage(10)
        self.slow = SimpleMovingAverage(30)
        self.above = None
        self.fills = 0

    def on_start(self):
        self.subscribe_trade_ticks(self.instrument.id)

    def on_trade_tick(self, tick):
        price = tick.price.as_double()
        self.fast.update_raw(price)
        self.slow.update_raw(price)
        if not self.slow.initialized:
            return
        above = self.fast.value > self.slow.value
        before, self.above = self.above, above
        if before is None or before == above:
            return
        if above:
            cash = self.portfolio.account(self.instrument.id.venue).balance_free(USDT)
            self.submit(OrderSide.BUY, cash.as_double() * 0.5 / price)
        else:
            held = self.portfolio.net_position(self.instrument.id)
            if held > 0:
                self.submit(OrderSide.SELL, float(held))

    def submit(self, side, quantity):
        order = self.order_factory.market(
            instrument_id=self.instrument.id,
            order_side=side,
            quantity=self.instrument.make_qty(quantity),
        )
        self.submit_order(order)

    def on_order_filled(self, event):
        self.fills += 1


def main():
    instrument = TestInstrumentProvider.btcusdt_binance()
    ticks = []
    with open(sys.argv[1], encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            nanos, price = line.split()
            ticks.append(TradeTick(
                instrument_id=instrument.id,
                price=Price(float(price), instrument.price_precision),
                size=Quantity(WHOLE, instrument.size_precision),
                # A market order fills against the side that a trade has left a price on.
                aggressor_side=AggressorSide.BUYER if number % 2 else AggressorSide.SELLER,
                trade_id=TradeId(str(number)),
                ts_event=int(nanos),
                ts_init=int(nanos),
            ))
    engine = BacktestEngine(
        config=BacktestEngineConfig(logging=LoggingConfig(log_level="ERROR", bypass_logging=True)),
    )
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(100_000, USDT), Money(0, BTC)],
        trade_execution=True,
    )
    engine.add_instrument(instrument)
    strategy = Crossover(instrument)
    engine.add_strategy(strategy)
    engine.add_data(ticks)
    started = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - started
    engine.dispose()
    print(json.dumps({
        "version": nautilus_trader.__version__,
        "seconds": seconds,
        "trades": len(ticks),
        "fills": strategy.fills,
    }))


main()
