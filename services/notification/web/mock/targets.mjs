/** Where notifications go outside the page: routes of the stand-in. */
import { randomUUID } from "node:crypto";
import { now } from "./world.mjs";

/** The stand-in sends no mails: this is what one would say. */
const CODE = "12345678";
const PREFERENCES = { min_severity: "info", kinds: {}, per_hour: 60, quiet_hours: null };

/** `Refused` comes in so that the two modules don't import each other. */
export function targetRoutes(Refused) {
  const targets = new Map();
  let preferences = PREFERENCES;
  let deliveries = [
    ["Delivered", "delivered", null, 1],
    ["A session on BTCUSD was halted by an error", "given_up", "the target answered 404", 1],
    ["Your Wednesday, 4 March 2026", "suppressed", "more than 60 in an hour", 0],
  ].map(([title, state, reason, attempts]) => ({
    id: randomUUID(),
    target_id: "mock",
    target: "My phone",
    kind: "session_error",
    title,
    message: title,
    severity: "error",
    timestamp: now(),
    state,
    reason,
    attempts,
    due_at: now(),
    done_at: now(),
  }));
  const list = (items) => ({ items, next_cursor: null });
  const find = (id) => {
    const found = targets.get(id);
    if (!found) throw new Refused(404, "not_found", "There is no such target.");
    return found;
  };
  const answer = () => ({
    preferences,
    known_kinds: ["session_error", "order_rejected", "daily_summary"],
    max_per_hour: 600,
  });
  return [
    ["GET /v1/notifications/targets", () => [200, list([...targets.values()])]],
    [
      "POST /v1/notifications/targets",
      (_world, _match, _query, { name, form, url, email, chat_id = null }) => {
        if (/^https?:\/\/(127\.|10\.)/.test(url)) {
          const detail = "the address is not on the public internet";
          throw new Refused(422, "private_target", detail, {
            field: "url",
            hint: "Choose another.",
          });
        }
        const mailbox = form === "email";
        const target = {
          id: randomUUID(),
          name,
          form,
          address: mailbox ? email : new URL(url).origin,
          chat_id,
          enabled: !mailbox,
          confirmed: !mailbox,
          off_reason: mailbox ? "the address is not confirmed yet" : null,
          health: mailbox ? "off" : "working",
          failures: 0,
          not_before: null,
          last_success_at: null,
          last_failure_at: null,
          last_failure: null,
        };
        targets.set(target.id, target);
        const secret = form === "webhook" ? { secret: "whsec_bW9jaw==" } : {};
        return [201, { ...target, ...secret }];
      },
    ],
    [
      "PATCH /v1/notifications/targets/([^/]+)",
      (_world, [id], _query, { enabled }) => {
        Object.assign(find(id), { enabled, health: enabled ? "working" : "off" });
        return [200, find(id)];
      },
    ],
    [
      "DELETE /v1/notifications/targets/([^/]+)",
      (_world, [id]) => {
        find(id);
        targets.delete(id);
        return [204];
      },
    ],
    [
      "POST /v1/notifications/targets/([^/]+)/code",
      (_world, [id]) => {
        find(id);
        return [200, { delivered: true, reason: null, took_ms: 84 }];
      },
    ],
    [
      "POST /v1/notifications/targets/([^/]+)/confirm",
      (_world, [id], _query, { code }) => {
        if (code.trim() !== CODE) {
          const detail = "this is not the code that was sent last";
          const hint = "Enter the eight digits of the newest mail.";
          throw new Refused(422, "wrong_code", detail, { field: "code", hint });
        }
        const on = { confirmed: true, enabled: true, off_reason: null, health: "working" };
        return [200, Object.assign(find(id), on)];
      },
    ],
    [
      "POST /v1/notifications/targets/([^/]+)/test",
      (_world, [id]) => {
        const here = find(id).address === "https://localhost";
        const reason = here ? "the address is not on the public internet" : null;
        return [200, { delivered: !here, reason, took_ms: 84 }];
      },
    ],
    ["POST /v1/notifications/targets/([^/]+)/secret", () => [200, { secret: "whsec_bmV3" }]],
    ["GET /v1/notifications/preferences", () => [200, answer()]],
    [
      "PUT /v1/notifications/preferences",
      (_world, _match, _query, body) => {
        preferences = body;
        return [200, answer()];
      },
    ],
    [
      "GET /v1/notifications/deliveries",
      (_world, _match, query) => {
        const state = query.get("state");
        return [200, list(deliveries.filter((item) => !state || item.state === state))];
      },
    ],
    [
      "POST /v1/notifications/deliveries/([^/]+)/retry",
      (_world, [id]) => {
        const again = { state: "pending", reason: null, attempts: 0 };
        deliveries = deliveries.map((item) => (item.id === id ? { ...item, ...again } : item));
        return [200, deliveries.find((item) => item.id === id)];
      },
    ],
  ];
}
