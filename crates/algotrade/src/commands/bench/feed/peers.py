"""Another client's handler of the same frames, for `algotrade bench feed --peers PYTHON`.

usage: peers.py FRAMES

FRAMES has one frame of the Exchange feed a line. Prints one JSON object a line: {"peer", "version"},
where the version is null if it isn't installed, and {"peer", "rate"} in frames a second of the
processor's time, which is the best of several rounds. From the frame's text to what a user gets:
the client's own JSON parser, dispatch, and its ticker or trade; nobody waits for any.
"""

import importlib.metadata
import json
import sys
import time

MOST_FRAMES = 20_000
ROUNDS = 3


def say(**line):
    print(json.dumps(line), flush=True)


class Client:
    """What the handler needs of a connection."""

    url = "wss://ws-feed.exchange.coinbase.com"

    def resolve(self, result, _hash):
        self.last = result


def ccxt(frames):
    import ccxt.pro
    from ccxt.async_support.base.ws.client import json_parser

    exchange = ccxt.pro.coinbaseexchange()
    client = Client()
    products = {json.loads(frame)["product_id"] for frame in frames}
    bases = {product: product.split("-", 1) for product in products}
    exchange.set_markets(
        [
            exchange.safe_market_structure(
                {
                    "id": product,
                    "symbol": f"{base}/{quote}",
                    "base": base,
                    "quote": quote,
                    "type": "spot",
                    "spot": True,
                }
            )
            for product, (base, quote) in bases.items()
        ]
    )

    def handle(frame):
        exchange.handle_message(client, json_parser.loads(frame))

    handle(frames[0])
    assert client.last is not None
    return handle


def measure(name, make, frames):
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        say(peer=name, version=None)
        return
    say(peer=name, version=version)
    handle = make(frames)
    best = 0.0
    for _ in range(ROUNDS):
        began = time.process_time()
        for frame in frames:
            handle(frame)
        best = max(best, len(frames) / (time.process_time() - began))
    say(peer=name, rate=best)


def main():
    with open(sys.argv[1], encoding="utf-8") as lines:
        kinds = ("ticker", "match")
        frames = [line for line in lines if json.loads(line)["type"] in kinds]
    measure("ccxt", ccxt, frames[:MOST_FRAMES])


main()
