import { useQuery } from "@tanstack/react-query";
import { useFeatures } from "../../lib/features";
import {
  count,
  money,
  pair,
  price,
  quantity,
  signedMoney,
  signedPercent,
  tone,
} from "../../lib/format";
import { performance, type Ledger } from "../../lib/ledger";
import { figuresOf } from "../../lib/metrics";
import { metricsQuery } from "../../lib/queries";
import type { Session } from "../../lib/types";
import { Metric, Panel, Signed } from "../parts";

export interface Standing {
  cash: number;
  position: number;
  equity: number;
  lastPrice: number | null;
  /** Change of equity since the start, in the quote currency and in percent. */
  result: number;
  percent: number;
  /** What buying at the first price and holding would have given, in percent. */
  holdPercent: number | null;
}

export function standingOf(session: Session, ledger: Ledger): Standing {
  const latest = ledger.latest;
  const equity = latest?.equity ?? session.equity;
  const result = equity - session.initial_balance;
  const first = ledger.equity[0]?.price;
  const lastPrice = latest?.price ?? session.last_price;
  return {
    cash: latest?.cash ?? session.cash,
    position: latest?.position ?? session.position,
    equity,
    lastPrice,
    result,
    percent: session.initial_balance ? (result / session.initial_balance) * 100 : 0,
    holdPercent: first && lastPrice ? (lastPrice / first - 1) * 100 : null,
  };
}

export function Metrics({
  session,
  ledger,
  standing,
  entry,
  complete,
}: {
  session: Session;
  ledger: Ledger;
  standing: Standing;
  entry: number | null;
  complete: boolean;
}) {
  const { cash, position, equity, lastPrice, result, percent, holdPercent } = standing;
  const { winRate, wins, closed, maxDrawdownPct } = performance(ledger);
  const filled = ledger.trades.filter((trade) => trade.status === "FILLED").length;
  const base = pair(session.symbol).split("/")[0] ?? "";
  const open = entry !== null && lastPrice !== null ? position * (lastPrice - entry) : null;
  return (
    <dl className="metrics">
      <Metric
        label="Equity"
        value={money(equity)}
        detail={<Signed value={result} text={`${signedMoney(result)} USD`} />}
      />
      <Metric
        label="Return"
        value={signedPercent(percent)}
        valueTone={tone(percent)}
        detail={
          holdPercent === null
            ? `of ${money(session.initial_balance)}`
            : `buy and hold ${signedPercent(holdPercent)}`
        }
      />
      <Metric
        label="Position"
        value={`${quantity(position)}${position === 0 ? "" : ` ${base}`}`}
        detail={
          position === 0 ? (
            `no ${base} held`
          ) : open === null ? (
            `worth ${money(position * (lastPrice ?? 0))}`
          ) : (
            <>
              from {price(entry)} <Signed value={open} text={signedMoney(open)} />
            </>
          )
        }
      />
      <Metric label="Cash" value={money(cash)} detail="USD" />
      <Metric
        label="Realised"
        value={signedMoney(session.realized_pnl)}
        valueTone={tone(session.realized_pnl)}
        detail={`fees ${money(session.fees)}`}
      />
      <Metric
        label="Trades"
        value={count(complete ? Math.max(filled, session.trades) : session.trades)}
        detail={
          winRate === null
            ? "none closed yet"
            : `${Math.round(winRate * 100)}% won (${wins} of ${closed})`
        }
      />
      <Metric
        label="Max drawdown"
        value={maxDrawdownPct === null ? "–" : signedPercent(-maxDrawdownPct)}
        detail="from the peak"
      />
    </dl>
  );
}

/** The server's own figures, where it keeps them. */
export function Performance({ session }: { session: Session }) {
  const features = useFeatures();
  const known = features?.has("GET", "/v1/sessions/{}/metrics") ?? false;
  const metrics = useQuery({ ...metricsQuery(session.id), enabled: known });
  const figures = figuresOf(metrics.data);
  if (figures.length === 0) return null;
  return (
    <Panel title="Performance">
      <dl className="figures" data-testid="performance">
        {figures.map(({ key, label, text, value, signed }) => (
          <div key={key}>
            <dt>{label}</dt>
            <dd className={`num ${signed ? tone(value) : ""}`}>{text}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
