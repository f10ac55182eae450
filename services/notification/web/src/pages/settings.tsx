import { useState, type FormEvent } from "react";
import { explain } from "../lib/api";
import { auth, signInWithToken, signOut } from "../lib/auth";
import { moment } from "../lib/format";
import { chooseZone, timeZone, zones } from "../lib/preferences";
import { useStore } from "../lib/store";
import { setTheme, theme, type Theme } from "../lib/theme";
import { Field, LinkButton, Page, Panel, Segments } from "../ui/parts";

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
      <Account />
    </Page>
  );
}

function Account() {
  const who = useStore(auth);
  const [token, setToken] = useState("");
  const [error, setError] = useState<string | null>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!token.trim()) {
      setError("Paste a token first.");
      return;
    }
    // Everything that was read was another user's.
    signInWithToken(token).then(
      () => window.location.assign("/"),
      (failure: unknown) => setError(explain(failure)),
    );
  };
  if (who.state !== "signed-in") return null;
  return (
    <Panel title="Who you are" className="narrow-panel">
      <form className="form" onSubmit={submit} noValidate>
        <p>
          <strong className="mono">{who.userId}</strong>{" "}
          <span className="muted">{who.guest ? "as a guest" : "with a token"}</span>
        </p>
        {!who.guest && (
          <div>
            <button type="button" className="button" onClick={signOut}>
              Sign out
            </button>
          </div>
        )}
        <Field
          label="Another token"
          error={error ?? undefined}
          help="Issued with `algotrade token`; kept until this tab is closed."
        >
          {(control) => (
            <textarea
              {...control}
              rows={3}
              className="mono"
              autoComplete="off"
              spellCheck={false}
              value={token}
              onChange={(event) => {
                setToken(event.target.value);
                setError(null);
              }}
            />
          )}
        </Field>
        <div className="form-actions">
          <button type="submit" className="button">
            Use this token
          </button>
        </div>
      </form>
    </Panel>
  );
}
