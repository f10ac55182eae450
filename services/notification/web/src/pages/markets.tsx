import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { explain, Problem, request } from "../lib/api";
import { count, pair, quantity, signedPercent, zone } from "../lib/format";
import { useQuote } from "../lib/market";
import { productsQuery, subscriptionsQuery } from "../lib/queries";
import type { Subscription } from "../lib/types";
import { Icon } from "../ui/icons";
import { useTrend } from "../ui/market-card";
import {
  Empty,
  Failure,
  Field,
  LinkButton,
  LivePrice,
  Page,
  Panel,
  Signed,
  Skeleton,
  Time,
} from "../ui/parts";
import { Sparkline } from "../ui/sparkline";

export default function MarketsPage() {
  const subscriptions = useQuery(subscriptionsQuery);
  return (
    <Page title="Markets" lead="Watched markets stream their trades to sessions and to this page.">
      <AddMarket watched={subscriptions.data ?? []} />
      <Panel flush>
        {subscriptions.isPending && <Skeleton rows={3} height={40} />}
        {subscriptions.isError && !subscriptions.data && (
          <Failure error={subscriptions.error} retry={() => void subscriptions.refetch()} />
        )}
        {subscriptions.data?.length === 0 && (
          <Empty icon="market" title="No market is watched yet">
            Add one above; its trades start to arrive within seconds.
          </Empty>
        )}
        {subscriptions.data && subscriptions.data.length > 0 && (
          <div className="table-scroll">
            <table className="table markets-table">
              <thead>
                <tr>
                  <th scope="col">Market</th>
                  <th scope="col" className="right">
                    Price
                  </th>
                  <th scope="col" className="right">
                    Change
                  </th>
                  <th scope="col" className="wide">
                    Last minutes
                  </th>
                  <th scope="col" className="right wide">
                    Last size
                  </th>
                  <th scope="col" className="right wide">
                    Last trade ({zone()})
                  </th>
                  <th scope="col" className="right wide">
                    Trades
                  </th>
                  <th scope="col" className="right wide">
                    Gaps
                  </th>
                  <th scope="col">
                    <span className="hidden">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {subscriptions.data.map((item) => (
                  <MarketRow key={item.symbol} item={item} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
    </Page>
  );
}

function MarketRow({ item }: { item: Subscription }) {
  const client = useQueryClient();
  const quote = useQuote(item.symbol);
  const { values, change, over } = useTrend(item.symbol, item.last_price);
  const remove = useMutation({
    mutationFn: () =>
      request(`/v1/subscriptions/${encodeURIComponent(item.symbol)}`, { method: "DELETE" }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["subscriptions"] }),
  });
  const name = pair(item.symbol, item.product_id);
  return (
    <tr>
      <th scope="row">
        {name}
        {item.source === "simulator" && <span className="tag">simulated</span>}
        {remove.isError && <span className="field-error">{explain(remove.error)}</span>}
      </th>
      <td className="right">
        <LivePrice symbol={item.symbol} initial={item.last_price} />
      </td>
      <td className="right">
        <Signed value={change} text={signedPercent(change)} />
      </td>
      <td className="wide">
        <Sparkline values={values} label={`${name} over the last ${over}`} />
      </td>
      <td className="right num wide">{quantity(quote?.tick.volume)}</td>
      <td className="right wide">
        <Time at={quote?.tick.timestamp ?? item.last_trade_at} />
      </td>
      <td className="right num wide">{count(item.trades)}</td>
      <td className="right num wide">{count(item.gaps)}</td>
      <td>
        <div className="row-actions">
          <LinkButton href={`/sessions/new?symbol=${item.symbol}`} look="small">
            Trade it
          </LinkButton>
          <button
            type="button"
            className="icon-button"
            aria-label={`Stop watching ${name}`}
            title={`Stop watching ${name}`}
            disabled={remove.isPending}
            onClick={() => remove.mutate()}
          >
            <Icon name="cross" size={16} />
          </button>
        </div>
      </td>
    </tr>
  );
}

function AddMarket({ watched }: { watched: Subscription[] }) {
  const client = useQueryClient();
  const products = useQuery(productsQuery);
  const [symbol, setSymbol] = useState("");
  const [error, setError] = useState<string | undefined>();
  const add = useMutation({
    mutationFn: (wanted: string) =>
      request<Subscription>("/v1/subscriptions", { method: "POST", body: { symbol: wanted } }),
    onSuccess: async () => {
      setSymbol("");
      await client.invalidateQueries({ queryKey: ["subscriptions"] });
    },
    onError: (failure) => {
      const fields = failure instanceof Problem ? failure.byField : {};
      setError(fields.symbol ?? explain(failure));
    },
  });
  const known = new Set(watched.map((item) => item.symbol));

  const submit = (event: FormEvent) => {
    event.preventDefault();
    // Users know products as BTC-USD or BTC/USD; on the wire it is BTCUSD.
    const wanted = symbol
      .trim()
      .toUpperCase()
      .replace(/[^A-Z0-9]/g, "");
    if (!wanted) {
      setError("Enter a market, such as SOL-USD.");
      return;
    }
    if (known.has(wanted)) {
      setError(`${pair(wanted)} is watched already.`);
      return;
    }
    setError(undefined);
    add.mutate(wanted);
  };

  return (
    <form className="inline-form" onSubmit={submit} noValidate>
      <Field label="Add a market" error={error}>
        {(control) => (
          <>
            <input
              {...control}
              list="products"
              placeholder="SOL-USD"
              autoComplete="off"
              value={symbol}
              onChange={(event) => {
                setSymbol(event.target.value);
                setError(undefined);
              }}
            />
            <datalist id="products">
              {products.data
                ?.filter((product) => !known.has(product.symbol))
                .map((product) => (
                  <option key={product.id} value={product.id} />
                ))}
            </datalist>
          </>
        )}
      </Field>
      <button type="submit" className="button" disabled={add.isPending}>
        {add.isPending ? "Adding…" : "Watch"}
      </button>
    </form>
  );
}
