/** The small pieces that every page is made of. */
import { useId, useState, type ReactNode } from "react";
import { Link } from "wouter";
import { explain, Problem } from "../lib/api";
import { clock, moment, price, tone, type Tone } from "../lib/format";
import { useQuote } from "../lib/market";
import type { SessionStatus } from "../lib/types";
import { Icon, type IconName } from "./icons";

export function Page({
  title,
  lead,
  actions,
  children,
}: {
  title: ReactNode;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="page">
      <header className="page-head">
        <div className="page-title">
          <h1>{title}</h1>
          {lead && <p className="lead">{lead}</p>}
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Panel({
  title,
  aside,
  children,
  flush = false,
  className = "",
}: {
  title?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  /** Without inner padding: for tables and charts that reach the edge. */
  flush?: boolean;
  className?: string;
}) {
  const id = useId();
  return (
    <section className={`panel ${className}`} aria-labelledby={title ? id : undefined}>
      {title && (
        <header className="panel-head">
          <h2 id={id}>{title}</h2>
          {aside && <div className="panel-aside">{aside}</div>}
        </header>
      )}
      <div className={flush ? "panel-flush" : "panel-body"}>{children}</div>
    </section>
  );
}

export function Metric({
  label,
  value,
  detail,
  valueTone,
}: {
  label: string;
  value: ReactNode;
  detail?: ReactNode;
  valueTone?: Tone;
}) {
  return (
    <div className="metric">
      <dt>{label}</dt>
      <dd className={`metric-value ${valueTone ?? ""}`}>{value}</dd>
      {detail !== undefined && <dd className="metric-detail">{detail}</dd>}
    </div>
  );
}

export function Signed({ value, text }: { value: number | null | undefined; text: string }) {
  return <span className={`num ${tone(value)}`}>{text}</span>;
}

const STATUS: Record<SessionStatus, { label: string; look: string }> = {
  PENDING: { label: "Starting", look: "wait" },
  RUNNING: { label: "Running", look: "good" },
  PAUSING: { label: "Pausing", look: "wait" },
  PAUSED: { label: "Paused", look: "idle" },
  RESUMING: { label: "Resuming", look: "wait" },
  STOPPING: { label: "Stopping", look: "wait" },
  STOPPED: { label: "Stopped", look: "idle" },
  ERROR: { label: "Error", look: "bad" },
};

export function StatusBadge({ status }: { status: SessionStatus }) {
  // A server newer than this page may know a status that the page doesn't.
  const known = STATUS[status] as (typeof STATUS)[SessionStatus] | undefined;
  return (
    <span className={`badge ${known?.look ?? "idle"}`}>
      <span className="dot" aria-hidden="true" />
      {known?.label ?? status}
    </span>
  );
}

export function Side({ action }: { action: "BUY" | "SELL" }) {
  return (
    <span className={`side ${action === "BUY" ? "buy" : "sell"}`}>
      {action === "BUY" ? "Buy" : "Sell"}
    </span>
  );
}

export function Time({ at }: { at: string | null | undefined }) {
  if (!at) return <span className="num">–</span>;
  return (
    <time className="num" dateTime={at} title={moment(at)}>
      {clock(at)}
    </time>
  );
}

/** A price that follows the stream and tints for a moment when it moves. */
export function LivePrice({ symbol, initial }: { symbol: string; initial?: number | null }) {
  const quote = useQuote(symbol);
  const value = quote?.tick.price ?? initial;
  return <span className={`live-price num ${quote?.direction ?? "flat"}`}>{price(value)}</span>;
}

export function Empty({
  icon,
  title,
  children,
  action,
}: {
  icon: IconName;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="empty">
      <span className="empty-icon">
        <Icon name={icon} size={24} />
      </span>
      <h3>{title}</h3>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const requestId = error instanceof Problem ? error.requestId : null;
  return (
    <div className="failure" role="alert">
      <Icon name="alert" />
      <div>
        <p>{explain(error)}</p>
        {requestId && <p className="faint">Request {requestId}</p>}
      </div>
      {retry && (
        <button type="button" className="button small" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Skeleton({ rows = 3, height = 20 }: { rows?: number; height?: number }) {
  return (
    <div className="skeletons" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className="skeleton" style={{ height }} />
      ))}
    </div>
  );
}

export function Field({
  label,
  error,
  help,
  suffix,
  children,
}: {
  label: string;
  error?: string | undefined;
  help?: ReactNode;
  suffix?: string;
  /** Draws the control; the ids tie it to its label, help and error. */
  children: (control: {
    id: string;
    "aria-describedby": string | undefined;
    "aria-invalid": boolean | undefined;
  }) => ReactNode;
}) {
  const id = useId();
  const noteId = `${id}-note`;
  const note = error ?? help;
  return (
    <div className={`field ${error ? "invalid" : ""}`}>
      <label htmlFor={id}>{label}</label>
      <div className="control">
        {children({
          id,
          "aria-describedby": note ? noteId : undefined,
          "aria-invalid": error ? true : undefined,
        })}
        {suffix && <span className="suffix">{suffix}</span>}
      </div>
      {note && (
        <p id={noteId} className={error ? "field-error" : "field-help"}>
          {error && <Icon name="alert" size={14} />}
          {note}
        </p>
      )}
    </div>
  );
}

export function LinkButton({
  href,
  icon,
  look = "",
  children,
}: {
  href: string;
  icon?: IconName;
  look?: "primary" | "ghost" | "small" | "";
  children: ReactNode;
}) {
  return (
    <Link href={href} className={`button ${look}`}>
      {icon && <Icon name={icon} size={16} />}
      {children}
    </Link>
  );
}

/** A button for what can't be undone: the first press asks, in place. */
export function ConfirmButton({
  icon,
  label,
  busyLabel,
  busy,
  question,
  confirm,
  keep,
  look = "danger",
  onConfirm,
}: {
  icon: IconName;
  label: string;
  busyLabel: string;
  busy: boolean;
  question: string;
  confirm: string;
  keep: string;
  look?: "danger" | "ghost";
  onConfirm: () => void;
}) {
  const [asking, setAsking] = useState(false);
  if (!asking) {
    return (
      <button
        type="button"
        className={`button ${look}`}
        disabled={busy}
        onClick={() => setAsking(true)}
      >
        <Icon name={icon} size={16} />
        {busy ? busyLabel : label}
      </button>
    );
  }
  const act = () => {
    setAsking(false);
    onConfirm();
  };
  return (
    <div className="confirm" role="group" aria-label={question}>
      <span>{question}</span>
      {/* The button just pressed is gone: focus goes on to its successor, not to the page. */}
      <button type="button" className="button danger" onClick={act} ref={focus}>
        {confirm}
      </button>
      <button type="button" className="button ghost" onClick={() => setAsking(false)}>
        {keep}
      </button>
    </div>
  );
}

function focus(element: HTMLElement | null) {
  element?.focus();
}

/** A row of exclusive choices, such as chart intervals. */
export function Segments<T extends string>({
  label,
  options,
  value,
  onChange,
}: {
  label: string;
  options: readonly (readonly [value: T, label: string])[];
  value: T;
  onChange: (value: T) => void;
}) {
  return (
    <div className="segments" role="group" aria-label={label}>
      {options.map(([option, text]) => (
        <button
          key={option}
          type="button"
          aria-pressed={option === value}
          onClick={() => onChange(option)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
