/** Where a user wants to be told outside the page, and when. */
import { queryOptions } from "@tanstack/react-query";
import { request } from "./api";
import type { Page } from "./types";
import type { Errors } from "./validate";

export type TargetForm = "webhook" | "slack" | "discord" | "telegram" | "email";

export interface Target {
  id: string;
  name: string;
  form: TargetForm;
  /** Scheme and host only: the rest may be a secret. Of a mailbox, its address. */
  address: string;
  chat_id: string | null;
  enabled: boolean;
  /** False for a mailbox whose code wasn't entered yet. */
  confirmed: boolean;
  off_reason: string | null;
  health: "working" | "failing" | "down" | "off";
  failures: number;
  not_before: string | null;
  last_success_at: string | null;
  last_failure_at: string | null;
  last_failure: string | null;
  /** What signs a webhook's calls; only in the answer that makes it. */
  secret?: string;
}

export type DeliveryState = "pending" | "delivered" | "given_up" | "suppressed";

export interface Delivery {
  id: string;
  target_id: string;
  target: string;
  kind: string;
  title: string;
  message: string;
  severity: "info" | "warning" | "error";
  timestamp: string;
  state: DeliveryState;
  reason: string | null;
  attempts: number;
  due_at: string;
  done_at: string | null;
}

export interface QuietHours {
  from: string;
  until: string;
  time_zone: string;
  errors_pass: boolean;
}

export interface Preferences {
  min_severity: "info" | "warning" | "error";
  kinds: Record<string, boolean>;
  per_hour: number;
  quiet_hours: QuietHours | null;
}

export interface PreferencesAnswer {
  preferences: Preferences;
  known_kinds: string[];
  max_per_hour: number;
}

const ROOT = "/v1/notifications";

export const targetPath = (id: string, more = "") =>
  `${ROOT}/targets/${encodeURIComponent(id)}${more}`;

export const targetsQuery = queryOptions({
  queryKey: ["targets"],
  queryFn: async ({ signal }) => (await request<Page<Target>>(`${ROOT}/targets`, { signal })).items,
  refetchInterval: 10_000,
});

export const deliveriesQuery = (state: DeliveryState | "all") =>
  queryOptions({
    queryKey: ["deliveries", state],
    queryFn: async ({ signal }) => {
      const query = state === "all" ? "" : `&state=${state}`;
      const path = `${ROOT}/deliveries?limit=50${query}`;
      return (await request<Page<Delivery>>(path, { signal })).items;
    },
    refetchInterval: 10_000,
  });

export const preferencesQuery = queryOptions({
  queryKey: ["notification-preferences"],
  queryFn: ({ signal }) => request<PreferencesAnswer>(`${ROOT}/preferences`, { signal }),
});

export interface NewTarget {
  name: string;
  form: TargetForm;
  url?: string;
  email?: string;
  chat_id?: string;
}

export const createTarget = (body: NewTarget) =>
  request<Target>(`${ROOT}/targets`, { method: "POST", body });

export const changeTarget = (id: string, body: { enabled: boolean }) =>
  request<Target>(targetPath(id), { method: "PATCH", body });

export const deleteTarget = (id: string) =>
  request<undefined>(targetPath(id), { method: "DELETE" });

export interface TestAnswer {
  delivered: boolean;
  reason: string | null;
  took_ms: number;
}

export const testTarget = (id: string) =>
  request<TestAnswer>(targetPath(id, "/test"), { method: "POST" });

/** Mails a code to a mailbox; the one before isn't good any more. */
export const sendCode = (id: string) =>
  request<TestAnswer>(targetPath(id, "/code"), { method: "POST" });

export const confirmTarget = (id: string, code: string) =>
  request<Target>(targetPath(id, "/confirm"), { method: "POST", body: { code } });

export const exchangeSecret = (id: string) =>
  request<{ secret: string }>(targetPath(id, "/secret"), { method: "POST" });

export const retryDelivery = (id: string) =>
  request<Delivery>(`${ROOT}/deliveries/${encodeURIComponent(id)}/retry`, { method: "POST" });

export const savePreferences = (body: Preferences) =>
  request<PreferencesAnswer>(`${ROOT}/preferences`, { method: "PUT", body });

export const FORMS: readonly (readonly [TargetForm, string])[] = [
  ["webhook", "Webhook"],
  ["slack", "Slack"],
  ["discord", "Discord"],
  ["telegram", "Telegram"],
  ["email", "E-mail"],
];

/** What can be chosen: mail only where the installation has a mail server. */
export const formsFor = (email: boolean) => FORMS.filter(([form]) => email || form !== "email");

/** Where the address comes from, by form. */
export const URL_HELP: Record<Exclude<TargetForm, "email">, string> = {
  webhook: "Called with POST; the body is JSON, signed as Standard Webhooks has it.",
  slack: "From Slack: Apps, Incoming Webhooks, Add to Slack.",
  discord: "From Discord: the channel's settings, Integrations, Webhooks.",
  telegram: "https://api.telegram.org/bot<token>/sendMessage, with your bot's token.",
};

const MAX_NAME = 60;

export interface TargetDraft {
  name: string;
  form: TargetForm;
  url: string;
  email: string;
  chatId: string;
}

/** Checks before sending; the server has the last word. */
export function validateTarget(draft: TargetDraft): Errors {
  const errors: Errors = {};
  const name = draft.name.trim();
  if (!name) errors.name = "Give it a name that you will recognise.";
  else if ([...name].length > MAX_NAME) errors.name = `Use at most ${MAX_NAME} characters.`;
  if (draft.form === "email") {
    if (!/^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/.test(draft.email.trim())) {
      errors.email = "This is no address, such as alice@example.com.";
    }
    return errors;
  }
  const url = draft.url.trim();
  if (!url) errors.url = "Paste the address that is to be called.";
  else if (!/^https?:\/\/[^\s/]+/.test(url) || !URL.canParse(url)) {
    errors.url = "This is no address, such as https://hooks.example.com/…";
  }
  if (draft.form === "telegram" && !draft.chatId.trim()) {
    errors.chat_id = "Enter the chat: a number, or @channel.";
  }
  return errors;
}

/** What is sent of a draft. */
export function newTarget({ name, form, url, email, chatId }: TargetDraft): NewTarget {
  const common = { name: name.trim(), form };
  if (form === "email") return { ...common, email: email.trim() };
  const chat = form === "telegram" ? { chat_id: chatId.trim() } : {};
  return { ...common, url: url.trim(), ...chat };
}

export function validatePreferences(wanted: Preferences, perHour: number | null, most: number) {
  const errors: Errors = {};
  if (perHour === null || !Number.isInteger(perHour) || perHour < 1 || perHour > most) {
    errors.per_hour = `Enter a whole number from 1 to ${most}.`;
  }
  const quiet = wanted.quiet_hours;
  if (quiet) {
    if (!quiet.from) errors["quiet_hours.from"] = "Enter a time, such as 22:00.";
    if (!quiet.until) errors["quiet_hours.until"] = "Enter a time, such as 07:00.";
    else if (quiet.from === quiet.until) {
      errors["quiet_hours.until"] = "Quiet hours must end at another time than they begin.";
    }
  }
  return errors;
}

const KINDS: Record<string, string> = {
  session_error: "A session was halted by an error",
  order_rejected: "An order was rejected",
  daily_summary: "Each day's summary",
};

export function kindLabel(kind: string): string {
  return KINDS[kind] ?? kind.replaceAll("_", " ");
}

const STATES: Record<DeliveryState, readonly [label: string, look: string]> = {
  pending: ["Waiting", "wait"],
  delivered: ["Delivered", "good"],
  given_up: ["Given up", "bad"],
  suppressed: ["Held back", "idle"],
};

export function deliveryState(state: DeliveryState): readonly [label: string, look: string] {
  return STATES[state];
}

const HEALTH: Record<Target["health"], readonly [label: string, look: string]> = {
  working: ["Working", "good"],
  failing: ["Failing", "wait"],
  down: ["Down", "bad"],
  off: ["Off", "idle"],
};

export function healthLabel(health: Target["health"]): readonly [label: string, look: string] {
  return HEALTH[health];
}
