import { useCallback, useEffect, useState } from "react";
import { explain } from "./api";
import { addEquity, addEvent, addTrades, EMPTY_LEDGER, type Ledger } from "./ledger";
import { onPush, onReload } from "./live";
import { fetchEquity, fetchTrades } from "./queries";
import type { Push } from "./types";

const PAGE = 500;
const BATCH_MS = 80;
/** Between two loads that holes asked for: a hole that stays must not become a storm. */
const RELOAD_MS = 1_000;

export interface LedgerView {
  ledger: Ledger;
  loaded: boolean;
  error: string | null;
  /** Set while older trades remain on the server. */
  loadOlder: (() => void) | null;
  retry: () => void;
}

/** Equity first: what the second answer has beyond the first arrives as pushes. */
async function read(sessionId: string, signal: AbortSignal) {
  const points = await fetchEquity(sessionId, signal);
  const page = await fetchTrades(sessionId, { limit: PAGE, signal });
  return { points, page };
}

function apply(ledger: Ledger, push: Push): Ledger {
  if (push.event === "trade-execution") return addTrades(ledger, [push.payload]);
  if (push.event === "forward-test-event") return addEvent(ledger, push.payload);
  return ledger;
}

/** A session's ledger: loaded once, then fed by pushes, loaded again where some were lost. The
 *  caller gives the component the session's id as its key, so that no state crosses sessions. */
export function useLedger(sessionId: string): LedgerView {
  const [ledger, setLedger] = useState<Ledger>(EMPTY_LEDGER);
  const [loaded, setLoaded] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);

  const load = useCallback(
    (signal: AbortSignal) => {
      read(sessionId, signal).then(
        ({ points, page }) => {
          // Only what was pushed beyond the page is kept: between the page and older rows that a
          // reader paged in there could be a hole after a long break.
          const newest = page.items[0]?.sequence ?? 0;
          setLedger((current) => {
            const pushed = current.trades.filter((trade) => trade.sequence > newest);
            return addTrades(addEquity({ ...current, trades: pushed }, points), page.items);
          });
          setCursor(page.next_cursor ?? null);
          setLoaded(true);
          setError(null);
        },
        (failure: unknown) => {
          if (!signal.aborted) setError(explain(failure));
        },
      );
    },
    [sessionId],
  );

  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    let reloadTimer: ReturnType<typeof setTimeout> | undefined;
    let flushTimer: ReturnType<typeof setTimeout> | undefined;
    let batch: Push[] = [];
    const flush = () => {
      flushTimer = undefined;
      const pushes = batch;
      batch = [];
      setLedger((current) => pushes.reduce(apply, current));
    };
    const stopPushes = onPush((push) => {
      if (push.event === "user-notification" || push.payload.session_id !== sessionId) return;
      batch.push(push);
      flushTimer ??= setTimeout(flush, BATCH_MS);
    });
    const stopReloads = onReload((id) => {
      if (id !== null && id !== sessionId) return;
      reloadTimer ??= setTimeout(() => {
        reloadTimer = undefined;
        load(controller.signal);
      }, RELOAD_MS);
    });
    load(controller.signal);
    return () => {
      controller.abort();
      stopPushes();
      stopReloads();
      clearTimeout(reloadTimer);
      clearTimeout(flushTimer);
    };
  }, [sessionId, load, attempt]);

  const loadOlder = useCallback(() => {
    if (cursor === null) return;
    fetchTrades(sessionId, { limit: PAGE, cursor }).then(
      (page) => {
        setLedger((current) => addTrades(current, page.items));
        setCursor(page.next_cursor ?? null);
      },
      (failure: unknown) => setError(explain(failure)),
    );
  }, [sessionId, cursor]);

  return {
    ledger,
    loaded,
    error,
    loadOlder: cursor === null ? null : loadOlder,
    retry: () => setAttempt((count) => count + 1),
  };
}
