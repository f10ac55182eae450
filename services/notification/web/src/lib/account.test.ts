import { describe, expect, it } from "vitest";
import { browserName } from "./account";

describe("what a browser says that it is", () => {
  it.each([
    [
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
      "Chrome on Linux",
    ],
    [
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
      "Edge on Windows",
    ],
    [
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Version/18.0 Safari/605.1.15",
      "Safari on Mac OS X",
    ],
    ["Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0", "Firefox on Android"],
    ["curl/8.5.0", "curl/8.5.0"],
    ["", "Unknown"],
  ])("%s", (agent, name) => {
    expect(browserName(agent)).toBe(name);
  });
});
