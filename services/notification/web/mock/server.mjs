/**
 * A stand-in for the services while the page is developed: HTTP API, market stream and a small
 * Centrifuge JSON server over a random market. Serves dist/ with the policy of production.
 *   PORT=8080 npm run mock
 */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { missing, openapi, Refused, ROUTES } from "./routes.mjs";
import { CHANNEL, World } from "./world.mjs";

export const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const DIST =
  process.env.MOCK_DIST ?? join(fileURLToPath(new URL(".", import.meta.url)), "..", "dist");
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

async function readBody(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

function sendJson(response, status, body, type = "application/json") {
  response.writeHead(status, { "content-type": type });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

async function serveFile(path, response) {
  const wanted = normalize(path).replace(/^(\.\.[/\\])+/, "");
  const file = extname(wanted) ? wanted : "index.html";
  try {
    const body = await readFile(join(DIST, file));
    response.writeHead(200, {
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "content-security-policy": CSP,
      "x-content-type-options": "nosniff",
    });
    response.end(body);
  } catch {
    response.writeHead(404).end("not found: run `npm run build` first");
  }
}

function stream(world, query, request, response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(": open\n\n");
  const client = { symbols: (query.get("symbols") ?? "").split(","), response };
  world.streams.add(client);
  request.on("close", () => world.streams.delete(client));
}

async function handle(world, request, response) {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/v1/market/stream") {
    stream(world, url.searchParams, request, response);
    return;
  }
  if (url.pathname === "/openapi.json") {
    sendJson(response, 200, openapi());
    return;
  }
  if (url.pathname === "/healthz/ready") {
    sendJson(response, 200, { status: "ready", problems: {}, details: {} });
    return;
  }
  if (!url.pathname.startsWith("/v1/")) {
    await serveFile(url.pathname, response);
    return;
  }
  const wanted = `${request.method} ${url.pathname}`;
  try {
    for (const [pattern, answer] of ROUTES) {
      const match = new RegExp(`^${pattern}$`).exec(wanted);
      if (!match) continue;
      const body = await readBody(request);
      const [status, result] = answer(world, match.slice(1), url.searchParams, body, request);
      sendJson(response, status, result);
      return;
    }
    throw missing();
  } catch (error) {
    const known = error instanceof Refused;
    const body = known ? error.body : { status: 500, code: "internal", detail: String(error) };
    sendJson(response, body.status, body, "application/problem+json");
  }
}

/** The part of the Centrifuge protocol that the page uses: connect with recovery, ping, pushes. */
function talk(world, socket) {
  socket.on("message", (data) => {
    for (const line of String(data).split("\n").filter(Boolean)) {
      const command = JSON.parse(line);
      if (!command.connect) continue;
      const since = command.connect.subs?.[CHANNEL];
      const known = since?.epoch === world.epoch;
      const oldest = world.history[0]?.offset ?? world.offset + 1;
      const recovered = known && since.offset + 1 >= oldest;
      const missed = recovered ? world.history.filter((pub) => pub.offset > since.offset) : [];
      const sub = {
        recoverable: true,
        positioned: true,
        epoch: world.epoch,
        offset: world.offset,
        was_recovering: Boolean(since?.recover),
        recovered,
        publications: missed,
      };
      const connect = { client: randomUUID(), version: "mock", ping: 25, pong: true };
      socket.send(
        JSON.stringify({ id: command.id, connect: { ...connect, subs: { [CHANNEL]: sub } } }),
      );
      world.sockets.add(socket);
    }
  });
  const ping = setInterval(() => socket.send("{}"), 25_000);
  socket.on("close", () => {
    clearInterval(ping);
    world.sockets.delete(socket);
  });
}

/** Starts on loopback; resolves to the address and a function that stops everything. */
export async function startMock(port = 0, options = {}) {
  const world = new World(options);
  const server = createServer((request, response) => void handle(world, request, response));
  const sockets = new WebSocketServer({ server, path: "/connection/websocket" });
  sockets.on("connection", (socket) => talk(world, socket));
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      world.close();
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startMock(Number(process.env.PORT ?? 8080));
  process.stdout.write(`mock of AlgoTrade on ${url}\n`);
}
