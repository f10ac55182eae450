import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef, useState } from "react";
import { decimalsOf, moment, money, price, quantity, signedMoney, zone } from "../../lib/format";
import type { Trade } from "../../lib/types";
import type { LedgerView } from "../../lib/use-ledger";
import { Icon } from "../icons";
import { Empty, Side, Signed, Skeleton, Time } from "../parts";

const ROW_HEIGHT = 33;
/** Rows whose digits decide how many decimals the column has. */
const SAMPLE = 200;

/** The ledger, newest first. Only the rows in sight exist; each opens to its reason and costs. */
export function TradesTable({ view, active }: { view: LedgerView; active: boolean }) {
  const { ledger, loaded, loadOlder } = view;
  const { trades } = ledger;
  const scroller = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  // The library hands out functions that must not be kept; nothing here does.
  // eslint-disable-next-line react-hooks/incompatible-library
  const rows = useVirtualizer({
    count: trades.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: (index) => trades[index]?.trade_id ?? index,
    overscan: 12,
    // A height before the first measurement, so that the first paint has rows.
    initialRect: { width: 400, height: 600 },
  });
  const decimals = decimalsOf(trades.slice(0, SAMPLE).map((trade) => trade.quantity));

  if (!loaded && trades.length === 0) return <Skeleton rows={6} height={28} />;
  if (trades.length === 0) {
    return (
      <Empty icon="session" title="No trades yet">
        {active
          ? "The strategy is watching; its first trade appears here by itself."
          : "This session ended without a trade."}
      </Empty>
    );
  }
  const toggle = (id: string) =>
    setOpen((current) => {
      const next = new Set(current);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  const items = rows.getVirtualItems();
  const above = items[0]?.start ?? 0;
  const below = rows.getTotalSize() - (items.at(-1)?.end ?? 0);

  return (
    <div
      ref={scroller}
      className="table-scroll tab-scroll"
      role="region"
      aria-label="Trades"
      // A region that scrolls needs a way in for the keyboard.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
    >
      <table className="table compact trades-table" data-testid="trades">
        <thead>
          <tr>
            <th scope="col" className="col-time">
              Time, {zone()}
            </th>
            <th scope="col" className="col-side">
              Side
            </th>
            <th scope="col" className="right col-quantity">
              Quantity
            </th>
            <th scope="col" className="right col-price">
              Price
            </th>
            <th scope="col" className="right">
              Result
            </th>
          </tr>
        </thead>
        {above > 0 && <Spacer height={above} />}
        {items.map((item) => {
          const trade = trades[item.index];
          return (
            trade && (
              <tbody key={item.key} ref={rows.measureElement} data-index={item.index}>
                <TradeRow
                  trade={trade}
                  decimals={decimals}
                  open={open.has(trade.trade_id)}
                  onToggle={() => toggle(trade.trade_id)}
                />
              </tbody>
            )
          );
        })}
        {below > 0 && <Spacer height={below} />}
      </table>
      {loadOlder && (
        <button type="button" className="button ghost table-more" onClick={loadOlder}>
          Show older trades
        </button>
      )}
    </div>
  );
}

function Spacer({ height }: { height: number }) {
  return (
    <tbody aria-hidden="true">
      <tr>
        <td colSpan={5} className="spacer" style={{ height }} />
      </tr>
    </tbody>
  );
}

function TradeRow({
  trade,
  decimals,
  open,
  onToggle,
}: {
  trade: Trade;
  decimals: number;
  open: boolean;
  onToggle: () => void;
}) {
  const rejected = trade.status === "REJECTED";
  return (
    <>
      <tr data-sequence={trade.sequence} className={rejected ? "rejected" : ""}>
        <td>
          <button
            type="button"
            className="row-toggle"
            aria-expanded={open}
            aria-label={`Details of the trade at ${moment(trade.timestamp)}`}
            onClick={onToggle}
          >
            <Icon name="chevron" size={12} />
            <Time at={trade.timestamp} />
          </button>
        </td>
        <td>
          <Side action={trade.action} />
        </td>
        <td className="right num">{quantity(trade.quantity, decimals)}</td>
        <td className="right num">{price(trade.price)}</td>
        <td className="right result" title={trade.reason ?? undefined}>
          {rejected ? (
            <span className="reason">Rejected{trade.reason ? `: ${trade.reason}` : ""}</span>
          ) : trade.action === "SELL" ? (
            <Signed value={trade.realized_pnl} text={signedMoney(trade.realized_pnl)} />
          ) : (
            <span className="faint num">fee {money(trade.fee)}</span>
          )}
        </td>
      </tr>
      {open && (
        <tr className="trade-details">
          <td colSpan={5}>
            <p>{trade.reason ?? "No reason was given."}</p>
            <p className="faint num">
              {moment(trade.timestamp)} · fee {money(trade.fee)} · slippage {money(trade.slippage)}
              {trade.cash != null && ` · cash after ${money(trade.cash)}`}
              {trade.position != null && ` · position after ${quantity(trade.position)}`}
            </p>
          </td>
        </tr>
      )}
    </>
  );
}
