/** Checks before sending. The server has the last word; these only spare a round trip. */

export type Errors = Record<string, string>;

/** A number as people type it: "100 000", "1,000.5". Null when it isn't one. */
export function parseNumber(text: string): number | null {
  const plain = text
    .trim()
    .replace(/[\s_']/g, "")
    .replace(/,(?=\d{3}(\D|$))/g, "");
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(plain)) return null;
  return Number(plain);
}

export interface SessionForm {
  strategy: string;
  symbol: string;
  timeframe: string;
  balance: string;
  /** In percent, as shown: "0.1" is a rate of 0.001. */
  fee: string;
  name: string;
}

const MAX_BALANCE = 1e12;
const MAX_NAME = 120;

export function validateSession(form: SessionForm): Errors {
  const errors: Errors = {};
  if (!form.strategy) errors.strategy_id = "Choose a strategy or a template.";
  if (!form.symbol) errors.symbol = "Choose a market.";
  const balance = parseNumber(form.balance);
  if (balance === null) errors.initial_balance = "Enter an amount, such as 100000.";
  else if (balance <= 0) errors.initial_balance = "The balance must be more than 0.";
  else if (balance > MAX_BALANCE) errors.initial_balance = "That is more than a session can hold.";
  const fee = parseNumber(form.fee);
  if (fee === null) errors.fee_rate = "Enter a percentage, such as 0.1.";
  else if (fee < 0) errors.fee_rate = "A fee can't be negative.";
  else if (fee >= 100) errors.fee_rate = "The fee must be less than 100%.";
  if (form.name.length > MAX_NAME) errors.name = `Use at most ${MAX_NAME} characters.`;
  return errors;
}

/** 0.1 (percent) -> 0.001 without the digits that binary division would add. */
export function percentToRate(percent: number): number {
  return Number((percent / 100).toPrecision(12));
}

export function validateStrategyName(name: string): string | null {
  if (!name.trim()) return "Give the strategy a name.";
  if (name.length > MAX_NAME) return `Use at most ${MAX_NAME} characters.`;
  return null;
}
