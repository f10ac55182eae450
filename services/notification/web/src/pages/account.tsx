import "../styles/account.css";
import { auth } from "../lib/auth";
import { useStore } from "../lib/store";
import { Accounts } from "../ui/account/accounts";
import { ApiTokens } from "../ui/account/api-tokens";
import { Browsers } from "../ui/account/browsers";
import { PasswordForm } from "../ui/account/password";
import { Empty, LinkButton, Page } from "../ui/parts";

export default function AccountPage() {
  const who = useStore(auth);
  if (who.state !== "signed-in") return null;
  if (who.means !== "account" && who.role !== "operator") {
    return (
      <Page title="Account">
        <Empty
          icon="alert"
          title="You have no account here"
          action={<LinkButton href="/settings">Settings</LinkButton>}
        >
          A password, signed-in browsers and API tokens belong to an account. Operators make one.
        </Empty>
      </Page>
    );
  }
  return (
    <Page title="Account" lead={<span className="mono">{who.userId}</span>}>
      {who.means === "account" && (
        <>
          <PasswordForm />
          <Browsers />
          <ApiTokens />
        </>
      )}
      {who.role === "operator" && <Accounts self={who.userId} />}
    </Page>
  );
}
