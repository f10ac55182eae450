import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { browserName, browsersQuery, signBrowserOut } from "../../lib/account";
import { dayAndTime } from "../../lib/format";
import { Failure, Panel, Skeleton } from "../parts";

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
        <div className="table-scroll">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Browser</th>
                <th scope="col">Last used</th>
                <th scope="col">Signed in</th>
                <th scope="col">
                  <span className="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {browsers.data.map((browser) => (
                <tr key={browser.id}>
                  <td title={browser.user_agent}>{browserName(browser.user_agent)}</td>
                  <td className="num">{dayAndTime(browser.used_at)}</td>
                  <td className="num">{dayAndTime(browser.created_at)}</td>
                  <td>
                    <div className="row-actions">
                      <button
                        type="button"
                        className="button small ghost"
                        disabled={signOut.isPending}
                        onClick={() => signOut.mutate(browser.id)}
                      >
                        Sign out
                      </button>
                    </div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
