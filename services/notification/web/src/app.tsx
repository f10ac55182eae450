import { Component, lazy, Suspense, useEffect, type ReactNode } from "react";
import { Route, Switch, useLocation } from "wouter";
import { auth } from "./lib/auth";
import { connectLive, disconnectLive } from "./lib/live";
import { queryClient } from "./lib/queries";
import { useStore } from "./lib/store";
import { HomePage } from "./pages/home";
import { SignInPage } from "./pages/sign-in";
import { Empty, LinkButton, Skeleton } from "./ui/parts";
import { Shell } from "./ui/shell";

// Home is in the first script; every other page, with its charts or its graph, comes on demand.
const MarketsPage = lazy(() => import("./pages/markets"));
const StrategiesPage = lazy(() => import("./pages/strategies"));
const StrategyPage = lazy(() => import("./pages/strategy"));
const NewStrategyPage = lazy(() => import("./pages/new-strategy"));
const SessionsPage = lazy(() => import("./pages/sessions"));
const SessionPage = lazy(() => import("./pages/session"));
const NewSessionPage = lazy(() => import("./pages/new-session"));
const ComparePage = lazy(() => import("./pages/compare"));
const SystemPage = lazy(() => import("./pages/system"));
const AccountPage = lazy(() => import("./pages/account"));
const SettingsPage = lazy(() => import("./pages/settings"));
const NotificationSettingsPage = lazy(() => import("./pages/notification-settings"));
const NotificationsPage = lazy(() => import("./pages/notifications"));

export function App() {
  const who = useStore(auth);
  const signedIn = who.state === "signed-in";
  useEffect(() => {
    if (!signedIn) return undefined;
    void connectLive();
    return () => {
      disconnectLive();
      // Whoever signs in next must not see what was read for this user.
      queryClient.clear();
    };
  }, [signedIn]);

  if (who.state !== "signed-in") return <SignInPage who={who} />;
  return (
    <Shell>
      <Boundary>
        <Suspense fallback={<Loading />}>
          <Pages />
        </Suspense>
      </Boundary>
    </Shell>
  );
}

function Pages() {
  const [location] = useLocation();
  useEffect(() => {
    // Not as a short arrow: what newer browsers return from it would be taken for a clean-up.
    window.scrollTo(0, 0);
  }, [location]);
  return (
    <Switch>
      <Route path="/" component={HomePage} />
      <Route path="/markets" component={MarketsPage} />
      <Route path="/strategies" component={StrategiesPage} />
      <Route path="/strategies/new" component={NewStrategyPage} />
      <Route path="/strategies/:id">{({ id }) => <StrategyPage key={id} id={id} />}</Route>
      <Route path="/sessions" component={SessionsPage} />
      <Route path="/sessions/new" component={NewSessionPage} />
      <Route path="/sessions/:id">{({ id }) => <SessionPage key={id} id={id} />}</Route>
      <Route path="/compare" component={ComparePage} />
      <Route path="/system" component={SystemPage} />
      <Route path="/account" component={AccountPage} />
      <Route path="/settings" component={SettingsPage} />
      <Route path="/settings/notifications" component={NotificationSettingsPage} />
      <Route path="/notifications" component={NotificationsPage} />
      <Route>
        <Empty
          icon="alert"
          title="There is no such page"
          action={<LinkButton href="/">Go home</LinkButton>}
        />
      </Route>
    </Switch>
  );
}

function Loading() {
  return (
    <div className="page">
      <Skeleton rows={4} height={56} />
    </div>
  );
}

/** A page that fails, or whose script couldn't be fetched, leaves the rest usable. */
class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <Empty
        icon="alert"
        title="This page couldn't be shown"
        action={
          <button type="button" className="button" onClick={() => window.location.reload()}>
            Reload
          </button>
        }
      >
        The connection may have been cut while it loaded, or AlgoTrade was updated meanwhile.
      </Empty>
    );
  }
}
