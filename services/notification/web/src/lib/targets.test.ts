import { expect, test } from "vitest";
import {
  formsFor,
  kindLabel,
  newTarget,
  validatePreferences,
  validateTarget,
  type Preferences,
} from "./targets";

const TARGET = {
  name: "Phone",
  form: "webhook",
  url: "https://example.com/x",
  email: "",
  chatId: "",
} as const;

test("a target needs a name, an address and, for Telegram, a chat", () => {
  expect(validateTarget(TARGET)).toEqual({});
  expect(Object.keys(validateTarget({ ...TARGET, name: " ", url: "" }))).toEqual(["name", "url"]);
  for (const url of ["example.com", "https://", "ftp://example.com", "https:// a"]) {
    expect(validateTarget({ ...TARGET, url })).toHaveProperty("url");
  }
  expect(validateTarget({ ...TARGET, form: "telegram" })).toHaveProperty("chat_id");
  expect(validateTarget({ ...TARGET, form: "telegram", chatId: "@me" })).toEqual({});
  expect(validateTarget({ ...TARGET, name: "é".repeat(60) })).toEqual({});
  expect(validateTarget({ ...TARGET, name: "é".repeat(61) })).toHaveProperty("name");
});

test("a mailbox needs an address, and is offered only where mails can be sent", () => {
  const mail = { ...TARGET, form: "email", url: "", email: " alice@example.com " } as const;
  expect(validateTarget(mail)).toEqual({});
  for (const email of ["", "alice", "alice@localhost", "a b@example.com", "alice@example..com"]) {
    expect(validateTarget({ ...mail, email })).toHaveProperty("email");
  }
  expect(newTarget(mail)).toEqual({ name: "Phone", form: "email", email: "alice@example.com" });
  expect(newTarget(TARGET)).toEqual({ name: "Phone", form: "webhook", url: TARGET.url });
  expect(formsFor(true).map(([form]) => form)).toContain("email");
  expect(formsFor(false).map(([form]) => form)).not.toContain("email");
});

test("preferences are checked field by field", () => {
  const wanted: Preferences = {
    min_severity: "info",
    kinds: {},
    per_hour: 60,
    quiet_hours: { from: "22:00", until: "07:00", time_zone: "UTC", errors_pass: true },
  };
  expect(validatePreferences(wanted, 60, 600)).toEqual({});
  for (const number of [null, 0, 1.5, 601]) {
    expect(validatePreferences(wanted, number, 600)).toHaveProperty("per_hour");
  }
  const quiet = { from: "", until: "", time_zone: "UTC", errors_pass: true };
  expect(Object.keys(validatePreferences({ ...wanted, quiet_hours: quiet }, 1, 600))).toEqual([
    "quiet_hours.from",
    "quiet_hours.until",
  ]);
  const same = { ...quiet, from: "07:00", until: "07:00" };
  expect(validatePreferences({ ...wanted, quiet_hours: same }, 1, 600)).toHaveProperty(
    "quiet_hours.until",
  );
});

test("a kind that the page doesn't know is shown by its name", () => {
  expect(kindLabel("daily_summary")).toBe("Each day's summary");
  expect(kindLabel("feed_gap")).toBe("feed gap");
});
