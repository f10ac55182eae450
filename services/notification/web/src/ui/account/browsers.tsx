import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import {
  browserName,
  browsersQuery,
  signBrowserOut,
  type SignedInBrowser,
} from "../../lib/account";
import { dayAndTime } from "../../lib/format";
import { Failure, Panel, Skeleton } from "../parts";
import { AccountTable, type Column } from "./table";

const COLUMNS: Column<SignedInBrowser>[] = [
  {
    head: "Browser",
    cell: ({ user_agent }) => browserName(user_agent),
    title: ({ user_agent }) => user_agent,
  },
  { head: "Last used", look: "num", cell: ({ used_at }) => dayAndTime(used_at) },
  { head: "Signed in", look: "num", cell: ({ created_at }) => dayAndTime(created_at) },
];

export function Browsers() {
  const browsers = useQuery(browsersQuery);
  const client = useQueryClient();
  const signOut = useMutation({
    mutationFn: signBrowserOut,
    onSuccess: () => client.invalidateQueries(browsersQuery),
  });
  return (
    <Panel title="Where you are signed in" flush>
      {browsers.isPending && <Skeleton rows={2} height={40} />}
      {browsers.isError && <Failure error={browsers.error} retry={() => void browsers.refetch()} />}
      {signOut.isError && <Failure error={signOut.error} />}
      {browsers.data && (
        <AccountTable
          rows={browsers.data}
          rowKey={(browser) => browser.id}
          columns={COLUMNS}
          actions={(browser) => (
            <button
              type="button"
              className="button small ghost"
              disabled={signOut.isPending}
              onClick={() => signOut.mutate(browser.id)}
            >
              Sign out
            </button>
          )}
        />
      )}
    </Panel>
  );
}
