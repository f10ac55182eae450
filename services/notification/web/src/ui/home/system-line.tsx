import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { count } from "../../lib/format";
import { liveState } from "../../lib/live";
import { market } from "../../lib/market";
import { statusQuery, subscriptionsQuery } from "../../lib/queries";
import { useStore } from "../../lib/store";

/** The whole system in one line. */
export function SystemLine() {
  const status = useQuery(statusQuery);
  const subscriptions = useQuery(subscriptionsQuery);
  const live = useStore(liveState);
  const stream = useStore(market.state);
  const gaps = subscriptions.data?.reduce((sum, item) => sum + item.gaps, 0) ?? 0;
  const well = live === "connected" && stream === "live" && !status.isError && gaps === 0;
  const parts = [
    `${subscriptions.data?.length ?? 0} markets`,
    stream === "live" ? "prices live" : "prices interrupted",
    live === "connected" ? "events live" : "events interrupted",
    gaps === 0 ? "no gaps in the feed" : `${count(gaps)} gaps in the feed`,
    ...(status.data ? [`AlgoTrade ${status.data.version}`] : []),
  ];
  return (
    <p className="system-line" data-testid="system-line">
      <span className={`badge ${well ? "good" : "wait"}`}>
        <span className="dot" aria-hidden="true" />
        {well ? "All well" : "Look closer"}
      </span>
      <span className="muted">{parts.join(" · ")}</span>
      <Link href="/system">System</Link>
    </p>
  );
}
