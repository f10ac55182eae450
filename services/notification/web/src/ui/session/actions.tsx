import { useState } from "react";
import { useLocation } from "wouter";
import { explain } from "../../lib/api";
import { allTrades, download, tradesCsv } from "../../lib/export";
import { useFeatures } from "../../lib/features";
import { useClone, useCommand } from "../../lib/session-actions";
import type { Session } from "../../lib/types";
import { Icon } from "../icons";
import { ConfirmButton, Failure, LinkButton } from "../parts";

/** The form for a new session, filled with this one's terms. */
function againHref(session: Session): string {
  const query = new URLSearchParams({
    strategy: session.strategy_id,
    symbol: session.symbol,
    timeframe: session.timeframe,
    balance: String(session.initial_balance),
    fee: String(Number((session.fee_rate * 100).toPrecision(12))),
  });
  return `/sessions/new?${query.toString()}`;
}

export function SessionActions({ session, active }: { session: Session; active: boolean }) {
  const features = useFeatures();
  const [, go] = useLocation();
  const stop = useCommand(session.id, "stop");
  const pause = useCommand(session.id, "pause");
  const resume = useCommand(session.id, "resume");
  const clone = useClone(session.id, (id) => go(`/sessions/${id}`));
  const can = (action: string) => features?.has("POST", `/v1/sessions/{}/${action}`) ?? false;
  const failed = [stop, pause, resume, clone].find((mutation) => mutation.isError);
  const paused = session.status === "PAUSED";
  const toggle = paused ? resume : pause;

  return (
    <>
      {failed && <Failure error={failed.error} />}
      <ExportMenu session={session} />
      {can("clone") ? (
        <button
          type="button"
          className="button"
          disabled={clone.isPending}
          onClick={() => clone.mutate()}
        >
          <Icon name="copy" size={16} />
          {clone.isPending ? "Cloning…" : "Clone"}
        </button>
      ) : (
        <LinkButton href={againHref(session)} icon="copy">
          Run again
        </LinkButton>
      )}
      {active && can(paused ? "resume" : "pause") && (
        <button
          type="button"
          className="button"
          disabled={toggle.isPending || !["RUNNING", "PAUSED"].includes(session.status)}
          onClick={() => toggle.mutate()}
        >
          <Icon name={paused ? "play" : "pause"} size={16} />
          {paused ? "Resume" : "Pause"}
        </button>
      )}
      {active && (
        <ConfirmButton
          icon="stop"
          label="Stop"
          busyLabel="Stopping…"
          busy={stop.isPending || session.status === "STOPPING"}
          question="Stop for good?"
          confirm="Stop it"
          keep="Keep running"
          onConfirm={() => stop.mutate()}
        />
      )}
    </>
  );
}

function ExportMenu({ session }: { session: Session }) {
  const [state, setState] = useState<string>("idle");
  const save = async (kind: "csv" | "json") => {
    setState("busy");
    try {
      const trades = await allTrades(session.id);
      const name = `${session.symbol}-${session.id.slice(0, 8)}-trades.${kind}`;
      if (kind === "csv") download(name, "text/csv", tradesCsv(trades));
      else download(name, "application/json", JSON.stringify({ session, trades }, null, 2));
      setState("idle");
    } catch (error) {
      setState(explain(error));
    }
  };
  const busy = state === "busy";
  return (
    <div className="export" role="group" aria-label="Export trades">
      {state !== "idle" && !busy && <span className="field-error">{state}</span>}
      <Icon name="download" size={16} />
      <button type="button" disabled={busy} onClick={() => void save("csv")}>
        CSV
      </button>
      <button type="button" disabled={busy} onClick={() => void save("json")}>
        JSON
      </button>
    </div>
  );
}
