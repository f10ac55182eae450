import "../styles/settings.css";
import { useFeatures } from "../lib/features";
import { Deliveries } from "../ui/settings/deliveries";
import { PreferencesPanel } from "../ui/settings/preferences";
import { Targets } from "../ui/settings/targets";
import { Empty, LinkButton, Page, Skeleton } from "../ui/parts";

export default function NotificationSettingsPage() {
  const features = useFeatures();
  const known = features?.has("GET", "/v1/notifications/targets");
  return (
    <Page
      title="Notifications outside the page"
      lead="Everything is on the page in any case; here you choose what reaches you elsewhere."
      actions={
        <LinkButton href="/notifications" icon="bell">
          All notifications
        </LinkButton>
      }
    >
      {known === undefined && <Skeleton rows={3} height={56} />}
      {known === false && (
        <Empty icon="bell" title="This server can't send notifications elsewhere">
          A newer version of AlgoTrade can.
        </Empty>
      )}
      {known && (
        <>
          <Targets />
          <PreferencesPanel />
          <Deliveries />
        </>
      )}
    </Page>
  );
}
