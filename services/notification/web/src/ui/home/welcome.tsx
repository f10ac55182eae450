import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import {
  createSession,
  createStrategy,
  newKey,
  subscriptionsQuery,
  templatesQuery,
} from "../../lib/queries";
import { pair } from "../../lib/format";
import { Failure, LinkButton } from "../parts";

/** Templates that trade often enough for a first look. */
const FIRST = ["sma_crossover", "ema_trend", "rsiMeanReversion", "rsi_reversion"];
const BALANCE = 100_000;
const FEE_RATE = 0.001;

/** From nothing to a running session in one press; everything else is there to be changed later. */
export function Welcome() {
  const templates = useQuery(templatesQuery);
  const subscriptions = useQuery(subscriptionsQuery);
  const client = useQueryClient();
  const [, go] = useLocation();
  const [busy, setBusy] = useState<string | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [key] = useState(newKey);
  const symbol = subscriptions.data?.[0]?.symbol;
  const offered = templates.data?.filter((item) => FIRST.includes(item.key)).slice(0, 3) ?? [];

  const start = async (template: (typeof offered)[number]) => {
    if (!symbol) return;
    setBusy(template.key);
    setFailure(null);
    try {
      const { name, description, kind, source } = template;
      const strategy = await createStrategy({ name, description, kind, source });
      const session = await createSession(
        {
          strategy_id: strategy.id,
          symbol,
          timeframe: "tick",
          initial_balance: BALANCE,
          fee_rate: FEE_RATE,
        },
        `${key}-${template.key}`,
      );
      client.setQueryData(["sessions", session.id], session);
      void client.invalidateQueries({ queryKey: ["sessions"], exact: true });
      go(`/sessions/${session.id}`);
    } catch (error) {
      setFailure(error);
      setBusy(null);
    }
  };

  return (
    <section className="welcome" aria-labelledby="welcome-title">
      <div>
        <h2 id="welcome-title">Test a strategy on the live market, without risking money</h2>
        <p>
          Choose one to start it at once{symbol && ` on ${pair(symbol)}`} with 100,000 USD on paper.
          Each trade appears as it happens, with its reason.
        </p>
        <div className="welcome-choices" data-testid="welcome-choices">
          {offered.map((template) => (
            <button
              key={template.key}
              type="button"
              className="button"
              disabled={busy !== null || !symbol}
              title={template.description}
              onClick={() => void start(template)}
            >
              {busy === template.key ? "Starting…" : template.name}
            </button>
          ))}
          <LinkButton href="/sessions/new" icon="plus" look="primary">
            Start your first session
          </LinkButton>
        </div>
        {failure !== null && <Failure error={failure} />}
      </div>
      <ol className="steps">
        <li>
          <strong>Pick a strategy</strong>
          <span>
            a template, or <Link href="/strategies/new">draw or write</Link> your own
          </span>
        </li>
        <li>
          <strong>Pick a market</strong>
          <span>and the cash to trade with</span>
        </li>
        <li>
          <strong>Watch it trade</strong>
          <span>every fill to the last digit</span>
        </li>
      </ol>
    </section>
  );
}
