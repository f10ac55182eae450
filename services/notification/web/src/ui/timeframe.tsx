import { parts, TIMEFRAMES, TRADE_BARS } from "../lib/timeframe";
import { Field } from "./parts";

/** Ticks or bars; of bars that trades close, also how much closes one. */
export function TimeframeFields({
  value,
  error,
  help,
  onChange,
}: {
  value: string;
  error?: string | undefined;
  help?: string;
  onChange: (timeframe: string) => void;
}) {
  const [kind, amount] = parts(value);
  const bar = TRADE_BARS[kind];
  const choose = (next: string) => {
    const first = TRADE_BARS[next]?.first;
    onChange(first === undefined ? next : `${next}:${first}`);
  };
  return (
    <>
      <Field label="Evaluate on" error={bar ? undefined : error} help={help}>
        {(control) => (
          <select
            {...control}
            name={bar ? "timeframe-kind" : "timeframe"}
            value={kind}
            onChange={(event) => choose(event.target.value)}
          >
            {TIMEFRAMES.map(([name, label]) => (
              <option key={name} value={name}>
                {label}
              </option>
            ))}
            {Object.entries(TRADE_BARS).map(([name, { label }]) => (
              <option key={name} value={name}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
      {bar && (
        <Field label={bar.amount} error={error} help={bar.help}>
          {(control) => (
            <input
              {...control}
              name="timeframe"
              inputMode="decimal"
              value={amount}
              onChange={(event) => onChange(`${kind}:${event.target.value}`)}
            />
          )}
        </Field>
      )}
    </>
  );
}
