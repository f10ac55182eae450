import { useQuery } from "@tanstack/react-query";
import { pair, signedPercent, span } from "../lib/format";
import { useQuote } from "../lib/market";
import { candlesQuery } from "../lib/queries";
import type { Subscription } from "../lib/types";
import { LivePrice, Signed } from "./parts";
import { Sparkline } from "./sparkline";

const CANDLES = 60;
const REFRESH_MS = 5_000;

/** The price's way over the last minutes, and how far it went. */
export function useTrend(symbol: string, initial: number | null) {
  const candles = useQuery({
    ...candlesQuery(symbol, "5s", CANDLES),
    refetchInterval: REFRESH_MS,
  });
  const quote = useQuote(symbol);
  const items = candles.data ?? [];
  const values = items.map((candle) => candle.close);
  const first = items[0];
  const last = items.at(-1);
  const now = quote?.tick.price ?? initial;
  if (now !== null && values.length > 0) values[values.length - 1] = now;
  const change = first && now !== null && first.open ? (now / first.open - 1) * 100 : null;
  const over = first && last ? span((last.time - first.time + 5) * 1000) : "";
  return { values, change, over };
}

export function MarketCard({ item }: { item: Subscription }) {
  const { values, change, over } = useTrend(item.symbol, item.last_price);
  return (
    <li className="market-card">
      <div className="market-card-head">
        <strong>{pair(item.symbol, item.product_id)}</strong>
        <Signed value={change} text={signedPercent(change)} />
      </div>
      <LivePrice symbol={item.symbol} initial={item.last_price} />
      <Sparkline values={values} label={`${item.symbol} over the last ${over}`} />
      <span className="faint market-card-span">{over && `last ${over}`}</span>
    </li>
  );
}
