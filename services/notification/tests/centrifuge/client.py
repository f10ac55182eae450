"""The official Centrifuge client for Python, driven by lines of JSON as client.mjs is.

{"do":"open","client":"a","token":"...","next":["token", ...],"protobuf":true}
{"do":"subscribe","client":"a","channel":"user:bob"}
{"do":"calls","client":"a","channel":"user:a"}   on a channel that was subscribed to
{"do":"cut","client":"a"}       ends its connection as a broken network does
{"do":"close","client":"a"}
"""

import asyncio
import json
import sys

from centrifuge import CentrifugeError, Client, ClientEventHandler, SubscriptionEventHandler

url = sys.argv[1]
clients = {}
subscriptions = {}


def tell(client, event, **more):
    print(json.dumps({"client": client, "event": event, **more}), flush=True)


class Listener(ClientEventHandler, SubscriptionEventHandler):
    """Tells what happens to a client, or to a subscription that it made itself."""

    def __init__(self, name, source):
        self.name, self.source = name, source

    async def on_connected(self, ctx):
        tell(self.name, "connected")

    async def on_connecting(self, ctx):
        tell(self.name, "connecting", code=ctx.code, reason=ctx.reason)

    async def on_disconnected(self, ctx):
        tell(self.name, "disconnected", code=ctx.code, reason=ctx.reason)

    async def on_error(self, ctx):
        tell(self.name, "error", code=ctx.code, message=str(ctx.error))

    async def on_subscribed(self, ctx):
        tell(
            self.name,
            "subscribed",
            **{"from": self.source},
            channel=getattr(ctx, "channel", None),
            wasRecovering=ctx.was_recovering,
            recovered=ctx.recovered,
        )

    async def on_unsubscribed(self, ctx):
        tell(self.name, "unsubscribed", code=getattr(ctx, "code", None))

    async def on_publication(self, ctx):
        pub = ctx.pub
        # Data comes as it was published, or as its bytes; offsets as numbers, or as texts.
        data = json.loads(pub.data) if isinstance(pub.data, bytes) else pub.data
        tell(self.name, "publication", **{"from": self.source}, data=data, offset=int(pub.offset))


async def open_client(action):
    name, tokens = action["client"], list(action.get("next", []))

    async def next_token():
        tell(name, "token-asked-for")
        return tokens.pop(0) if tokens else action["token"]

    client = Client(
        url,
        events=Listener(name, "server"),
        token=action["token"],
        get_token=next_token,
        use_protobuf=action.get("protobuf", False),
        # Long enough for the test to let something happen meanwhile.
        min_reconnect_delay=1.0,
        max_reconnect_delay=1.5,
        proxy=None,
    )
    clients[name] = client
    await client.connect()


async def subscribe(action):
    name, channel = action["client"], action["channel"]
    subscription = clients[name].new_subscription(channel, events=Listener(name, "client"))
    subscriptions[name, channel] = subscription
    await subscription.subscribe()


async def calls(action):
    name, channel = action["client"], action["channel"]
    subscription = subscriptions[name, channel]
    present = await subscription.presence()
    stats = await subscription.presence_stats()
    history = await subscription.history(limit=2, reverse=True)
    tell(
        name,
        "answers",
        present=len(present.clients),
        numClients=stats.num_clients,
        offsets=[int(publication.offset) for publication in history.publications],
    )


async def cut(action):
    clients[action["client"]]._conn.transport.abort()


async def close(action):
    await clients[action["client"]].disconnect()


ACTIONS = {
    "open": open_client,
    "subscribe": subscribe,
    "calls": calls,
    "cut": cut,
    "close": close,
}


async def main():
    reader = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        action = json.loads(line)
        try:
            await ACTIONS[action["do"]](action)
        except CentrifugeError as error:
            tell(action["client"], "failed", message=str(error))


asyncio.run(main())
