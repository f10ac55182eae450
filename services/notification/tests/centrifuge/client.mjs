/**
 * Official Centrifuge clients, driven by lines of JSON on standard input; what happens to them comes
 * as lines of JSON on standard output.
 *   {"do":"open","client":"a","token":"...","next":["token", ...],"transport":"sse",
 *    "protobuf":true}
 *   {"do":"subscribe","client":"a","channel":"user:bob"}
 *   {"do":"cut","client":"a"}       ends its connection as a broken network does
 *   {"do":"close","client":"a"}
 */
import { createInterface } from "node:readline";
import { Centrifuge } from "centrifuge";
import { Centrifuge as InProtobuf } from "centrifuge/build/protobuf";
import { EventSource } from "eventsource";
import { WebSocket } from "ws";

const url = process.argv[2];
const http = url.replace(/^ws/, "http").replace("/connection/websocket", "");
const clients = new Map();
const sockets = new Map();

const tell = (client, event, more = {}) =>
  process.stdout.write(`${JSON.stringify({ client, event, ...more })}\n`);

/** The same class as ever, but its last socket is known by the client's name. */
const socketOf = (name) =>
  class extends WebSocket {
    constructor(...args) {
      super(...args);
      sockets.set(name, this);
    }
  };

/** Data comes as it was published, or as its bytes; offsets as numbers, or as 64-bit ones. */
const read = (data) =>
  data instanceof Uint8Array ? JSON.parse(new TextDecoder().decode(data)) : data;
const offsetsOf = (publications) => publications.map(({ offset }) => Number(offset));

function listen(name, source, from) {
  source.on("subscribed", (context) =>
    tell(name, "subscribed", {
      from,
      channel: context.channel,
      wasRecovering: context.wasRecovering,
      recovered: context.recovered,
    }),
  );
  source.on("publication", ({ channel, data, offset }) =>
    tell(name, "publication", { from, channel, data: read(data), offset: Number(offset) }),
  );
}

const actions = {
  open({ client: name, token, next = [], transport, protobuf }) {
    const endpoint = transport
      ? [{ transport, endpoint: `${http}/connection/${transport}` }]
      : url;
    const Client = protobuf ? InProtobuf : Centrifuge;
    const client = new Client(endpoint, {
      eventsource: EventSource,
      emulationEndpoint: `${http}/emulation`,
      token,
      getToken: async () => {
        tell(name, "token-asked-for");
        return next.shift() ?? token;
      },
      websocket: socketOf(name),
      // Long enough for the test to let something happen meanwhile.
      minReconnectDelay: 1_000,
      maxReconnectDelay: 1_500,
    });
    clients.set(name, client);
    client.on("connected", () => tell(name, "connected"));
    client.on("connecting", ({ code, reason }) => tell(name, "connecting", { code, reason }));
    client.on("disconnected", ({ code, reason }) => tell(name, "disconnected", { code, reason }));
    client.on("error", ({ type, error }) => tell(name, "error", { type, code: error.code }));
    listen(name, client, "server");
    client.connect();
  },
  subscribe({ client: name, channel }) {
    const subscription = clients.get(name).newSubscription(channel);
    listen(name, subscription, "client");
    subscription.on("unsubscribed", ({ code, reason }) =>
      tell(name, "unsubscribed", { channel, code, reason }),
    );
    subscription.subscribe();
  },
  async calls({ client: name, channel }) {
    const client = clients.get(name);
    const { clients: present } = await client.presence(channel);
    const { numClients } = await client.presenceStats(channel);
    const history = await client.history(channel, { limit: 2, reverse: true });
    tell(name, "answers", {
      present: Object.keys(present).length,
      numClients,
      offsets: offsetsOf(history.publications),
    });
  },
  /** A command over whatever way there is for commands. */
  async history({ client: name, channel }) {
    const { publications } = await clients.get(name).history(channel, { limit: -1 });
    tell(name, "history", { offsets: offsetsOf(publications) });
  },
  cut: ({ client }) => sockets.get(client).terminate(),
  close: ({ client }) => clients.get(client).disconnect(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const action = JSON.parse(line);
  try {
    await actions[action.do](action);
  } catch (error) {
    tell(action.client, "failed", { message: String(error?.message ?? error) });
  }
}
for (const client of clients.values()) client.disconnect();
