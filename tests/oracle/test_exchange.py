"""The oracle's exchange against examples computed by hand from the rules."""

import hashlib
import unittest
from fractions import Fraction

import event_time
from exchange import MAX_PENDING, InvalidTrade, Order, Session
from numbers_exact import NotExact, exact, round8, text


def time(text_):
    return event_time.parse(f"2025-11-25T{text_}Z")


def session(balance="1000", fee="0.001"):
    started = Session(Fraction(balance), Fraction(fee))
    started.start(time("04:00:00"))
    return started


def order(action, quantity, quantity_type, at="04:00:01"):
    return Order(action, Fraction(quantity), quantity_type, "why", time(at))


class Numbers(unittest.TestCase):
    def test_text_has_no_exponent_and_no_trailing_zeros(self):
        for given, wanted in (
            ("0.00000001", "0.00000001"), ("-0.50", "-0.5"), ("1e5", "100000"), ("-0.0", "0"),
        ):
            self.assertEqual(text(Fraction(given)), wanted)

    def test_round8_is_half_away_from_zero(self):
        self.assertEqual(text(round8(Fraction("0.000000005"))), "0.00000001")
        self.assertEqual(text(round8(Fraction("-0.000000005"))), "-0.00000001")
        self.assertEqual(text(round8(Fraction("0.0000000049999"))), "0")

    def test_exact_is_what_96_bits_and_28_decimals_hold(self):
        exact(Fraction(2**96 - 1))
        exact(Fraction(2**96 - 1, 10**28))
        for value in (Fraction(2**96), Fraction(1, 10**29), Fraction(1, 3)):
            self.assertRaises(NotExact, exact, value)


class Example(unittest.TestCase):
    def test_buy_half_then_sell_all(self):
        s = session()
        s.on_trade(Fraction(10), time("04:00:01.5"))
        s.on_signal(order("BUY", "50", "percent_of_cash"))
        # Budget 500 at 20: 24.97502497 cost 499.5004994 + 0.4995005; one step more is too much.
        s.on_trade(Fraction(20), time("04:00:02"))
        s.on_signal(order("SELL", "100", "percent_of_position"))
        s.on_trade(Fraction(30), time("04:01:00"))
        s.on_trade(Fraction(31), time("04:02:59"))
        s.on_trade(Fraction(32), time("04:02:00"))
        s.stop(time("04:05:00"))
        buy, sell = s.executions()
        self.assertEqual(
            [buy[f] for f in ("sequence", "quantity", "price", "fee", "realized_pnl", "cash")],
            [3, "24.97502497", "20", "0.4995005", "-0.4995005", "500.0000001"],
        )
        self.assertEqual(
            [sell[f] for f in ("sequence", "quantity", "price", "fee", "realized_pnl", "cash")],
            [5, "24.97502497", "30", "0.74925075", "249.00099895", "1248.50149845"],
        )
        # The point of a fill is the minute's point; the second trade of 04:02 opens no minute.
        self.assertEqual(
            [(o["sequence"], o["kind"], o.get("equity")) for o in s.outputs],
            [
                (1, "started", None),
                (2, "equity", "1000"),
                (3, "execution", None),
                (4, "equity", "999.5004995"),
                (5, "execution", None),
                (6, "equity", "1248.50149845"),
                (7, "equity", "1248.50149845"),
                (8, "stopped", "1248.50149845"),
            ],
        )
        lines = (
            "3|BUY|FILLED|24.97502497|20|0.4995005|-0.4995005|500.0000001|24.97502497|"
            "2025-11-25T04:00:02.000000Z|why\n"
            "5|SELL|FILLED|24.97502497|30|0.74925075|249.00099895|1248.50149845|0|"
            "2025-11-25T04:01:00.000000Z|why\n"
        )
        self.assertEqual(
            s.summary(),
            {
                "signals": "2", "fills": "2", "rejected": "0", "final_equity": "1248.50149845",
                "ledger_sha256": hashlib.sha256(lines.encode()).hexdigest(),
            },
        )

    def test_cost_of_a_partial_sale_rounds_and_leaves_the_rest_in_the_basis(self):
        s = session("100", "0")
        s.on_signal(order("BUY", "3", "units"))
        s.on_trade(Fraction(10), time("04:00:02"))
        s.on_signal(order("BUY", "4", "units"))
        s.on_trade(Fraction(5), time("04:00:03"))
        s.on_signal(order("SELL", "1", "units"))
        s.on_trade(Fraction(8), time("04:00:04"))
        # 50 for 7 units: one cost 7.14285714, 42.85714286 stay.
        self.assertEqual(text(s.realized), "0.85714286")
        self.assertEqual(text(s.basis), "42.85714286")
        self.assertEqual(s.realized + s.position * s.price - s.basis, s.equity - 100)


class Rejections(unittest.TestCase):
    def reason(self, action, quantity, quantity_type, holding="0"):
        s = session()
        s.on_trade(Fraction(10), time("04:00:01"))
        if holding != "0":
            s.on_signal(order("BUY", holding, "units"))
        s.on_signal(order(action, quantity, quantity_type))
        s.on_trade(Fraction(10), time("04:00:02"))
        last = s.executions()[-1]
        self.assertEqual(last["status"], "REJECTED")
        return f'{last["quantity"]} {last["reason"]}'

    def test_each_says_why(self):
        for arguments, wanted in (
            (("BUY", "0", "units"),
             "0 quantity_not_positive: the quantity is 0, it must be above 0"),
            (("BUY", "-1", "cash_amount"),
             "0 quantity_not_positive: the quantity is -1, it must be above 0"),
            (("BUY", "0.000000001", "units"),
             "0.000000001 quantity_too_precise: the quantity 0.000000001 has more than 8 decimals"),
            (("BUY", "100.5", "percent_of_cash"),
             "0 percent_too_large: the quantity is 100.5 percent, it must be at most 100"),
            (("SELL", "1e20", "units"),
             "100000000000000000000 quantity_too_large: the quantity is 100000000000000000000, "
             "it must be below 100000000000000000000"),
            (("SELL", "1", "units"), "1 no_position: there is nothing to sell"),
            (("SELL", "2", "units", "1.5"), "2 exceeds_position: selling 2, the position is 1.5"),
            (("BUY", "1000.5", "cash_amount"),
             "0 insufficient_cash: the order is for 1000.5, cash is 1000"),
            (("BUY", "100", "units"),
             "100 insufficient_cash: buying 100 at 10 costs 1001 with a fee of 1, cash is 1000"),
            (("BUY", "0.00000001", "cash_amount"),
             "0 quantity_rounds_to_zero: 0.00000001 cash_amount at 10 "
             "is less than 0.00000001 units"),
            (("BUY", "5", "percent_of_position"),
             "0 quantity_rounds_to_zero: 5 percent_of_position at 10 "
             "is less than 0.00000001 units"),
        ):
            with self.subTest(arguments):
                self.assertEqual(self.reason(*arguments), wanted)

    def test_pending_orders_are_bounded_and_end_with_the_session(self):
        s = session()
        for _ in range(MAX_PENDING + 1):
            s.on_signal(order("BUY", "1", "units"))
        (refused,) = s.executions()
        self.assertTrue(refused["reason"].startswith("too_many_orders: 100 orders"))
        s.stop(time("04:10:00"))
        self.assertEqual(s.summary()["rejected"], "101")
        self.assertEqual(s.outputs[-1]["sequence"], 103)

    def test_bad_trades_change_nothing(self):
        s = session()
        for price in ("0", "-1", "0.000000001", "1000000000001"):
            self.assertRaises(InvalidTrade, s.on_trade, Fraction(price), time("04:00:02"))
        self.assertEqual(len(s.outputs), 1)


if __name__ == "__main__":
    unittest.main()
