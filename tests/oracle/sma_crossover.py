#!/usr/bin/env python3
"""The oracle: signals and fills of an SMA crossover, straight from a recording, exactly.

    sma_crossover.py RECORDING --product BTC-USD --what summary

prints JSON lines with numbers as strings; `outputs` are the executions, the equity points and the
markers of the session's start and end, then its summary.

With --orders, it instead runs given orders. Each line of the file is one of
{"session": {"initial_balance", "fee_rate", "time"}} (begins a new session and starts it),
{"trade": {"price", "volume", "time"}}, {"stop": TIME}, {"fail": TIME},
{"order": {"action", "quantity", "quantity_type", "reason", "time", "id", "terms", "manual"}},
{"cancel": {"id", "time"}}, {"replace": {"id", "quantity", "limit", "trigger", "time"}},
{"close": {"id", "time"}}, {"pause": TIME}, {"resume": TIME}, {"gap": TIME}; a session may have
"terms" and a trade a "quote" {"bid", "ask", "age_ms"}.

It shares no code with the platform; the exchange's rules are those in
crates/paper-exchange/README.md.
"""

import argparse
import json
import sys
from fractions import Fraction

import event_time
from exchange import InvalidTrade, Order, Session
from numbers_exact import NotExact, text
from recording import lines, trades
from sma import Crossover

EXECUTION_FIELDS = (
    "sequence", "action", "status", "quantity", "price", "fee", "realized_pnl",
    "cash", "position", "timestamp", "reason",
)


def show(entry):
    sys.stdout.write(json.dumps(entry) + "\n")


def show_session(session, what):
    if what == "summary":
        show(session.summary())
    elif what == "outputs":
        for output in session.outputs:
            show(output)
        show({"kind": "summary"} | session.summary())
    else:
        for execution in session.executions():
            show({field: execution[field] for field in EXECUTION_FIELDS})


def run_orders(path, what):
    """Sessions of an order file, one after the other."""
    session = None
    for line in lines(path):
        # Decimal digits stay digits: a float would lose some.
        entry = json.loads(line, parse_float=str, parse_int=str)
        ((kind, value),) = entry.items()
        if kind == "session":
            if session:
                show_session(session, what)
            session = Session(
                Fraction(value["initial_balance"]), Fraction(value["fee_rate"]),
                value.get("terms"),
            )
            session.start(event_time.parse(value["time"]))
        elif kind == "trade":
            try:
                session.on_trade(
                    Fraction(value["price"]), event_time.parse(value["time"]),
                    Fraction(value["volume"]), value.get("quote"),
                )
            except (InvalidTrade, NotExact):
                # Nothing changed: the session goes on with the next line.
                continue
        elif kind == "order":
            time = event_time.parse(value["time"])
            terms = dict(value.get("terms") or {})
            if "until" in terms:
                terms["until"] = event_time.parse(terms["until"])
            order = Order(
                value["action"], Fraction(value["quantity"]), value["quantity_type"],
                value["reason"], time, terms, value.get("id"),
            )
            session.on_signal(order, value.get("manual", False))
        elif kind == "cancel":
            session.cancel(value["id"], event_time.parse(value["time"]))
        elif kind == "replace":
            session.replace(value["id"], value, event_time.parse(value["time"]))
        elif kind == "close":
            session.close(value["id"], event_time.parse(value["time"]))
        elif kind == "gap":
            session.on_gap(event_time.parse(value))
        elif kind in ("stop", "fail", "pause", "resume"):
            getattr(session, kind)(event_time.parse(value))
        else:
            raise ValueError(f"unknown line {line!r}")
    if session:
        show_session(session, what)


def run_crossover(options, found):
    """The signals and the session of the strategy over the trades."""
    crossover = Crossover(options.fast, options.slow)
    orders = {
        "BUY": (Fraction(options.buy_percent), "percent_of_cash", options.buy_reason),
        "SELL": (Fraction(options.sell_percent), "percent_of_position", options.sell_reason),
    }
    session = Session(Fraction(options.cash), Fraction(options.fee))
    signals = []
    last_time = 0
    for trade in found:
        session.start(trade.time)  # only the first call does something
        session.on_trade(trade.price, trade.time)
        last_time = trade.time
        action = crossover.push(trade.price)
        if action:
            quantity, quantity_type, reason = orders[action]
            session.on_signal(Order(action, quantity, quantity_type, reason, trade.time))
            signals.append((trade, action))
    if options.stop == "last":
        session.stop(last_time)
    elif options.stop:
        session.stop(event_time.parse(options.stop))
    return signals, session


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("recording", nargs="?",
                        help="ticker frames, one a line; .zst is unpacked; - is stdin")
    parser.add_argument("--orders", metavar="FILE", help="run these orders instead; - is stdin")
    parser.add_argument("--what", default="summary",
                        choices=("trades", "signals", "executions", "summary", "outputs"))
    parser.add_argument("--product", help="such as BTC-USD; only --what trades works without")
    parser.add_argument("--from", dest="since", type=event_time.parse, metavar="TIME")
    parser.add_argument("--to", dest="until", type=event_time.parse, metavar="TIME",
                        help="exclusive")
    parser.add_argument("--fast", type=int, default=10)
    parser.add_argument("--slow", type=int, default=30)
    parser.add_argument("--cash", default="100000")
    parser.add_argument("--fee", default="0.001")
    parser.add_argument("--buy-percent", default="95", help="percent of cash")
    parser.add_argument("--sell-percent", default="100", help="percent of the position")
    parser.add_argument("--buy-reason", default="SMA crossover",
                        help="the strategy's words: they are in the hash")
    parser.add_argument("--sell-reason", default="SMA crossover")
    parser.add_argument("--stop", metavar="TIME",
                        help="stop the session after the last trade, at TIME or at its time (last)")
    options = parser.parse_args(arguments)
    if (options.recording is None) == (options.orders is None):
        parser.error("give either a recording or --orders")
    if options.orders and options.what in ("trades", "signals"):
        parser.error(f"--what {options.what} needs a recording")
    if options.recording and options.what != "trades" and not options.product:
        parser.error("--product is missing")
    return options


def main(arguments=None):
    options = parse_arguments(arguments)
    if options.orders:
        run_orders(options.orders, options.what)
        return
    found = trades(options.recording, options.product, options.since, options.until)
    if options.what == "trades":
        for trade in found:
            show({
                "symbol": trade.symbol, "trade_id": str(trade.trade_id),
                "price": text(trade.price), "volume": text(trade.volume),
            })
        return
    signals, session = run_crossover(options, found)
    if options.what == "signals":
        for trade, action in signals:
            show({"trade_id": str(trade.trade_id), "action": action, "price": text(trade.price)})
    else:
        show_session(session, options.what)


if __name__ == "__main__":
    main()
