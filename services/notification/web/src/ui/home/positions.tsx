import { Link } from "wouter";
import { money, pair, quantity } from "../../lib/format";
import { useQuote } from "../../lib/market";
import type { Session } from "../../lib/types";
import { LivePrice, Panel } from "../parts";

const MAX_ROWS = 8;

/** What is held right now, valued at the live price. */
export function Positions({ sessions }: { sessions: Session[] }) {
  const open = sessions.filter((session) => session.position !== 0);
  if (open.length === 0) return null;
  return (
    <Panel title="Open positions" flush>
      <ul className="positions">
        {open.slice(0, MAX_ROWS).map((session) => (
          <li key={session.id}>
            <Link href={`/sessions/${session.id}`} className="fill">
              <strong>{pair(session.symbol)}</strong>
              <span className="fill-what">
                <span className="num">{quantity(session.position)}</span>
                <span className="muted ellipsis">{session.name ?? session.strategy_name}</span>
              </span>
              <Worth session={session} />
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Worth({ session }: { session: Session }) {
  const quote = useQuote(session.symbol);
  const value = (quote?.tick.price ?? session.last_price ?? 0) * session.position;
  return (
    <span className="fill-price">
      <span className="num">{money(value)}</span>
      <span className="muted">
        <LivePrice symbol={session.symbol} initial={session.last_price} />
      </span>
    </span>
  );
}
