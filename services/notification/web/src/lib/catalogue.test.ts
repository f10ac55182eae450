import { expect, test } from "vitest";
import { fromDocument } from "../../scripts/catalogue.mjs";
import { CATALOGUE, findHandle, infoOf, NODE_TYPES, searchTypes, typeName } from "./catalogue";

test("the catalogue is the one that the engine documents (npm run catalogue renews it)", async () => {
  expect(CATALOGUE).toEqual(await fromDocument());
  expect(NODE_TYPES.length).toBeGreaterThan(50);
});

test("every type has a name, a description and only well-formed handles and fields", () => {
  for (const info of NODE_TYPES) {
    expect(typeName(info.type), info.type).not.toMatch(/Node/);
    expect(info.about, info.type).toBeTruthy();
    for (const handle of [...info.inputs, ...info.outputs]) expect(handle.id).toMatch(/^[\w-]+$/);
    for (const field of info.fields) expect(field.key, info.type).toMatch(/^\w+$/);
  }
});

test("a search finds by name first, then by what the type does", () => {
  expect(searchTypes("cross")[0]?.type).toBe("crossoverNode");
  expect(searchTypes("rsi")[0]?.type).toBe("rsiNode");
  expect(searchTypes("wilder").map((info) => info.type)).toContain("adxNode");
  expect(searchTypes("nothing like this")).toEqual([]);
});

test("handles are found by any of their names, and the form by the data", () => {
  const compare = infoOf({ type: "compareNode" });
  expect(findHandle(compare?.inputs ?? [], "value-in")?.id).toBe("value1-in");
  expect(infoOf({ type: "timeNode" })?.form).toBe("window");
  expect(infoOf({ type: "timeNode", data: { timeType: "hour" } })?.form).toBeUndefined();
  expect(infoOf({ type: "noNode" })).toBeUndefined();
});
