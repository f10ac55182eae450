"""The command line on a tiny recording, computed by hand."""

import contextlib
import io
import json
import os
import subprocess
import tempfile
import unittest

import sma_crossover


def ticker(trade_id, price, second, product="BTC-USD"):
    return json.dumps({
        "type": "ticker", "product_id": product, "trade_id": trade_id, "price": price,
        "last_size": "0.5", "time": f"2025-11-25T04:00:{second:02}.000001Z",
    })


# Fast 2 and slow 3 over 3 2 1 4 4 1 2: averages from the third on:
# 1.5/2, 2.5/2.33 (BUY, fills at 4), 4/3, 2.5/3 (SELL, fills at 2), 1.5/2.33.
FRAMES = [
    json.dumps({"type": "subscriptions", "channels": []}),
    ticker(100, "3.0", 0),
    ticker(101, "2", 1),
    ticker(7, "50", 1, "ETH-USD"),
    ticker(103, "4", 3),
    ticker(102, "1", 2),  # late: a gap that is filled before 103 goes out
    ticker(103, "4", 3),
    ticker(104, "4", 4),
    ticker(105, "1", 5),
    ticker(106, "2", 6),
    ticker(107, "9", 30),
]


class CommandLine(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "recording.ndjson")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("\n".join(FRAMES) + "\n")

    def run_oracle(self, what, *more, path=None):
        out = io.StringIO()
        arguments = [path or self.path, "--product", "BTC-USD", "--what", what, "--fast", "2",
                     "--slow", "3", "--cash", "1000", "--to", "2025-11-25T04:00:30Z", *more]
        with contextlib.redirect_stdout(out):
            sma_crossover.main(arguments)
        return [json.loads(line) for line in out.getvalue().splitlines()]

    def test_trades_come_once_and_in_order(self):
        found = self.run_oracle("trades")
        self.assertEqual([t["trade_id"] for t in found], [str(i) for i in range(100, 107)])
        self.assertEqual(
            found[0], {"symbol": "BTCUSD", "trade_id": "100", "price": "3", "volume": "0.5"}
        )

    def test_zstd_is_read(self):
        subprocess.run(["zstd", "-q", self.path], check=True)
        packed = self.run_oracle("trades", path=self.path + ".zst")
        self.assertEqual(packed, self.run_oracle("trades"))

    def test_signals(self):
        self.assertEqual(
            self.run_oracle("signals"),
            [
                {"trade_id": "103", "action": "BUY", "price": "4"},
                {"trade_id": "105", "action": "SELL", "price": "1"},
            ],
        )

    def test_executions_fill_one_trade_later(self):
        buy, sell = self.run_oracle("executions", "--fee", "0")
        self.assertEqual(
            buy,
            {
                "sequence": 3, "action": "BUY", "status": "FILLED", "quantity": "237.5",
                "price": "4", "fee": "0", "realized_pnl": "0", "cash": "50", "position": "237.5",
                "timestamp": "2025-11-25T04:00:04.000001Z", "reason": "SMA crossover",
            },
        )
        self.assertEqual(
            (sell["sequence"], sell["price"], sell["cash"], sell["realized_pnl"]),
            (5, "2", "525", "-475"),
        )

    def test_summary_and_stop(self):
        (summary,) = self.run_oracle("summary", "--fee", "0", "--stop", "last")
        self.assertEqual(
            {key: summary[key] for key in ("signals", "fills", "rejected", "final_equity")},
            {"signals": "2", "fills": "2", "rejected": "0", "final_equity": "525"},
        )
        self.assertEqual(len(summary["ledger_sha256"]), 64)


if __name__ == "__main__":
    unittest.main()
