import { useQuery } from "@tanstack/react-query";
import { dayAndTime, moment, zone } from "../lib/format";
import { noticesQuery } from "../lib/queries";
import { Empty, Failure, LinkButton, Page, Panel, Skeleton } from "../ui/parts";

export default function NotificationsPage() {
  const notices = useQuery(noticesQuery);
  return (
    <Page
      title="Notifications"
      lead={`Times in ${zone()}.`}
      actions={
        <LinkButton href="/settings/notifications" icon="gear">
          Where you are told
        </LinkButton>
      }
    >
      <Panel flush>
        {notices.isPending && <Skeleton rows={3} height={44} />}
        {notices.isError && !notices.data && (
          <Failure error={notices.error} retry={() => void notices.refetch()} />
        )}
        {notices.data?.items.length === 0 && (
          <Empty icon="bell" title="Nothing to tell">
            What needs your attention is kept here.
          </Empty>
        )}
        <ul className="notices">
          {notices.data?.items.map((notice, index) => (
            <li key={`${notice.timestamp}-${index}`} className={`notice ${notice.severity}`}>
              <div>
                <strong>{notice.title}</strong>
                <p>{notice.message}</p>
              </div>
              <time
                className="faint num"
                dateTime={notice.timestamp}
                title={moment(notice.timestamp)}
              >
                {dayAndTime(notice.timestamp)}
              </time>
            </li>
          ))}
        </ul>
      </Panel>
    </Page>
  );
}
