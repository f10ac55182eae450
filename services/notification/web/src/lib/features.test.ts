import { expect, test } from "vitest";
import { Features } from "./features";

const features = new Features({
  paths: { "/v1/sessions/{id}/stop": { post: {} }, "/v1/templates": { get: {} } },
  components: { schemas: { SessionBody: { properties: { fees: {} } } } },
});

test("a described resource has exactly what is described", () => {
  expect(features.has("POST", "/v1/sessions/{}/stop")).toBe(true);
  expect(features.has("GET", "/v1/sessions/{}/stop")).toBe(false);
  expect(features.has("POST", "/v1/sessions/{}/pause")).toBe(false);
});

test("what isn't described at all is asked for", () => {
  expect(features.has("POST", "/v1/backtests")).toBe(true);
  expect(new Features(null).has("POST", "/v1/sessions/{}/pause")).toBe(true);
});

test("a request's fields are those of its schema", () => {
  expect(features.takes("SessionBody", "fees")).toBe(true);
  expect(features.takes("SessionBody", "risk")).toBe(false);
  expect(features.takes("Unknown", "risk")).toBe(true);
});
