import type { Diagnostic, Graph } from "../../lib/types";
import type { Checked } from "../../lib/use-compilation";
import { Icon } from "../icons";

/** What the compiler found; with `onPick` each leads to its place. */
export function Diagnostics({
  items,
  onPick,
}: {
  items: readonly Diagnostic[];
  onPick?: (item: Diagnostic) => void;
}) {
  if (items.length === 0) return null;
  return (
    <ul className="diagnostics">
      {items.map((item, index) => {
        const place = item.line != null ? `line ${item.line}` : item.node;
        return (
          <li key={`${item.code}-${index}`} className={item.severity}>
            <Icon name="alert" size={14} />
            <span>
              {onPick && place && (
                <button type="button" className="place" onClick={() => onPick(item)}>
                  {place}
                </button>
              )}{" "}
              {item.message} {item.hint && <span className="muted">{item.hint}</span>}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

export function Verdict({
  checked,
  current,
  errors,
  warnings,
}: {
  checked: Checked;
  current: Graph | string;
  errors: number;
  warnings: number;
}) {
  let look = "wait";
  let text = "Checking…";
  if (checked.source === current && checked.failure) text = checked.failure;
  else if (checked.source === current && checked.result) {
    look = errors > 0 ? "bad" : warnings > 0 ? "wait" : "good";
    text = "Ready to trade";
    if (errors > 0) text = errors === 1 ? "1 error" : `${errors} errors`;
    else if (warnings > 0) text = warnings === 1 ? "1 warning" : `${warnings} warnings`;
  }
  return (
    <span className={`badge ${look}`} role="status" data-testid="verdict">
      <span className="dot" aria-hidden="true" />
      {text}
    </span>
  );
}
