import { useState } from "react";
import { auth, signOut } from "../lib/auth";
import { moment } from "../lib/format";
import { chooseZone, timeZone, zones } from "../lib/preferences";
import { useStore } from "../lib/store";
import { setTheme, theme, type Theme } from "../lib/theme";
import { Field, LinkButton, Page, Panel, Segments } from "../ui/parts";
import { PasswordForm, TokenForm } from "./sign-in";

const THEMES: [Theme, string][] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export default function SettingsPage() {
  const chosen = useStore(theme);
  const [now] = useState(() => Date.now());
  return (
    <Page
      title="Settings"
      lead="Of this browser."
      actions={
        <>
          <LinkButton href="/settings/notifications" icon="bell">
            Notifications
          </LinkButton>
          <LinkButton href="/system" icon="heart">
            System
          </LinkButton>
        </>
      }
    >
      <Panel title="Look" className="narrow-panel">
        <div className="form">
          <div>
            <Segments label="Theme" value={chosen} onChange={setTheme} options={THEMES} />
          </div>
          <Field label="Time zone" help={`Now it is ${moment(now)}.`}>
            {(control) => (
              <select
                {...control}
                value={timeZone ?? ""}
                onChange={(event) => chooseZone(event.target.value || null)}
              >
                <option value="">The browser's own</option>
                {zones().map((zone) => (
                  <option key={zone} value={zone}>
                    {zone}
                  </option>
                ))}
              </select>
            )}
          </Field>
        </div>
      </Panel>
      <Who />
    </Page>
  );
}

const MEANS = { guest: "as a guest", token: "with a token", account: "with a password" };

function Who() {
  const who = useStore(auth);
  if (who.state !== "signed-in") return null;
  // Everything that was read was another user's.
  const anew = () => window.location.assign("/");
  return (
    <Panel title="Who you are" className="narrow-panel">
      <div className="form">
        <p>
          <strong className="mono">{who.userId}</strong>{" "}
          <span className="muted">
            {MEANS[who.means]}
            {who.role === "operator" && ", operator"}
          </span>
        </p>
        {who.means !== "guest" && (
          <div className="form-actions">
            <button type="button" className="button" onClick={() => void signOut()}>
              Sign out
            </button>
            {(who.means === "account" || who.role === "operator") && (
              <LinkButton href="/account">Password, browsers, API tokens</LinkButton>
            )}
          </div>
        )}
        {who.means !== "account" && (
          <details className="other-ways">
            <summary>Sign in with a password</summary>
            <PasswordForm onDone={anew} />
          </details>
        )}
        <details className="other-ways">
          <summary>Sign in with a token</summary>
          <TokenForm onDone={anew} />
        </details>
      </div>
    </Panel>
  );
}
