import { useQuery } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { liveState, type LiveState } from "../lib/live";
import { market, type StreamState } from "../lib/market";
import { latestNotice } from "../lib/pushes";
import { statusQuery, subscriptionsQuery } from "../lib/queries";
import { useStore } from "../lib/store";
import { setTheme, theme, type Theme } from "../lib/theme";
import { Icon, Logo, type IconName } from "./icons";

const NAVIGATION: [href: string, label: string, icon: IconName][] = [
  ["/", "Home", "home"],
  ["/markets", "Markets", "market"],
  ["/strategies", "Strategies", "strategy"],
  ["/sessions", "Sessions", "session"],
];

export function Shell({ children }: { children: ReactNode }) {
  const subscriptions = useQuery(subscriptionsQuery);
  const symbols = subscriptions.data?.map((item) => item.symbol).join() ?? "";
  useEffect(() => {
    market.watch(symbols ? symbols.split(",") : []);
  }, [symbols]);

  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="topbar">
        <Link href="/" className="brand">
          <Logo />
          <span>AlgoTrade</span>
        </Link>
        <Navigation />
        <div className="topbar-end">
          <Connection />
          <Link href="/notifications" className="icon-button" aria-label="Notifications">
            <Icon name="bell" />
          </Link>
          <Link href="/settings" className="icon-button" aria-label="Settings">
            <Icon name="gear" />
          </Link>
          <ThemeButton />
        </div>
      </header>
      <FeedBanner />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Toast />
    </>
  );
}

function Navigation() {
  const [location] = useLocation();
  return (
    <nav className="navigation" aria-label="Main">
      {NAVIGATION.map(([href, label, icon]) => {
        const current = href === "/" ? location === "/" : location.startsWith(href);
        return (
          <Link key={href} href={href} aria-current={current ? "page" : undefined}>
            <Icon name={icon} />
            <span>{label}</span>
          </Link>
        );
      })}
    </nav>
  );
}

function FeedBanner() {
  const status = useQuery(statusQuery);
  if (status.data?.feed !== "simulator") return null;
  return (
    <div className="feed-banner" role="status" data-testid="simulated-banner">
      <Icon name="flask" size={16} />
      <p>
        <strong>Simulated market.</strong> Prices are replayed or generated, not live from Coinbase.
      </p>
    </div>
  );
}

function describe(live: LiveState, stream: StreamState): { look: string; text: string } {
  if (live === "closed") return { look: "bad", text: "Offline" };
  if (live === "reconnecting" || stream === "retrying") {
    return { look: "wait", text: "Reconnecting" };
  }
  if (live === "connecting" || stream === "connecting") return { look: "wait", text: "Connecting" };
  return { look: "good", text: "Live" };
}

function Connection() {
  const { look, text } = describe(useStore(liveState), useStore(market.state));
  return (
    <span className={`connection badge ${look}`} role="status" data-testid="connection">
      <span className="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

const THEMES: Record<Theme, { next: Theme; icon: IconName; label: string }> = {
  system: { next: "light", icon: "system", label: "Theme: as the system. Switch to light" },
  light: { next: "dark", icon: "sun", label: "Theme: light. Switch to dark" },
  dark: { next: "system", icon: "moon", label: "Theme: dark. Switch to the system's" },
};

function ThemeButton() {
  const { next, icon, label } = THEMES[useStore(theme)];
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={label}
      title={label}
      onClick={() => setTheme(next)}
    >
      <Icon name={icon} />
    </button>
  );
}

const TOAST_MS = 8_000;

function Toast() {
  const notice = useStore(latestNotice);
  useEffect(() => {
    if (!notice) return undefined;
    const timer = setTimeout(() => latestNotice.set(null), TOAST_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  return (
    <div className="toasts" role="status">
      {notice && (
        <div className={`toast ${notice.severity}`}>
          <div>
            <strong>{notice.title}</strong>
            <p>{notice.message}</p>
          </div>
          <button
            type="button"
            className="icon-button"
            aria-label="Dismiss"
            onClick={() => latestNotice.set(null)}
          >
            <Icon name="cross" size={16} />
          </button>
        </div>
      )}
    </div>
  );
}
