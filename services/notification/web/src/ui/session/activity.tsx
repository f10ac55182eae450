import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { activityOf, type Entry } from "../../lib/activity";
import { zone } from "../../lib/format";
import type { Session } from "../../lib/types";
import type { LedgerView } from "../../lib/use-ledger";
import { Empty, Time } from "../parts";

const ESTIMATE = 58;

/** What the session did and why, newest first. */
export function ActivityLog({ view, session }: { view: LedgerView; session: Session }) {
  const complete = view.loaded && view.loadOlder === null;
  const entries = useMemo(
    () => activityOf(session, view.ledger, complete),
    [session, view.ledger, complete],
  );
  const scroller = useRef<HTMLDivElement>(null);
  // The library hands out functions that must not be kept; nothing here does.
  // eslint-disable-next-line react-hooks/incompatible-library
  const rows = useVirtualizer({
    count: entries.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ESTIMATE,
    getItemKey: (index) => entries[index]?.key ?? index,
    overscan: 8,
    initialRect: { width: 400, height: 600 },
  });
  if (entries.length === 0) {
    return (
      <Empty icon="session" title="Nothing happened yet">
        Signals and their reasons appear here.
      </Empty>
    );
  }
  return (
    <div
      ref={scroller}
      className="tab-scroll log"
      role="region"
      aria-label={`Log, times in ${zone()}`}
      // A region that scrolls needs a way in for the keyboard.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
    >
      <ol style={{ height: rows.getTotalSize() }} className="log-list">
        {rows.getVirtualItems().map((item) => {
          const entry = entries[item.index];
          return (
            entry && (
              <li
                key={item.key}
                ref={rows.measureElement}
                data-index={item.index}
                className={`log-entry ${entry.kind}`}
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <EntryText entry={entry} />
              </li>
            )
          );
        })}
      </ol>
    </div>
  );
}

function EntryText({ entry }: { entry: Entry }) {
  return (
    <>
      <span className="faint">
        <Time at={entry.at} />
      </span>
      <div>
        <p className="log-what num">{entry.what}</p>
        {entry.why && <p className="muted log-why">{entry.why}</p>}
      </div>
    </>
  );
}
