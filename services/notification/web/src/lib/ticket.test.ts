import { expect, test } from "vitest";
import { EMPTY_TICKET, readTicket } from "./ticket";

test("a market order needs a quantity only", () => {
  expect(readTicket(EMPTY_TICKET).order).toEqual({
    action: "BUY",
    order_type: "market",
    quantity: 10,
    quantity_type: "percent_of_cash",
  });
  expect(readTicket({ ...EMPTY_TICKET, quantity: "0" }).errors.quantity).toMatch(/more than 0/);
  expect(readTicket({ ...EMPTY_TICKET, quantity: "101" }).errors.quantity).toMatch(/100/);
  expect(readTicket({ ...EMPTY_TICKET, quantity: "x" }).errors.quantity).toMatch(/number/);
});

test("a stop limit needs both of its prices", () => {
  const form = { ...EMPTY_TICKET, type: "stop_limit" as const, quantityType: "units" };
  expect(Object.keys(readTicket(form).errors)).toEqual(["limit_price", "stop_price"]);
  expect(readTicket({ ...form, limit: "87,000.5", stop: "87100" }).order).toMatchObject({
    limit_price: 87000.5,
    stop_price: 87100,
    time_in_force: "GTC",
  });
});
