import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { dayAndTime, moment, zone } from "../lib/format";
import { strategiesQuery, templatesQuery } from "../lib/queries";
import { Icon } from "../ui/icons";
import { Empty, Failure, LinkButton, Page, Panel, Skeleton } from "../ui/parts";
import { TemplatePicture } from "../ui/template-picture";

export default function StrategiesPage() {
  const strategies = useQuery(strategiesQuery);
  const templates = useQuery(templatesQuery);
  return (
    <Page
      title="Strategies"
      actions={
        <LinkButton href="/strategies/new" icon="plus" look="primary">
          New strategy
        </LinkButton>
      }
    >
      <Panel flush>
        {strategies.isPending && <Skeleton rows={3} height={40} />}
        {strategies.isError && !strategies.data && (
          <Failure error={strategies.error} retry={() => void strategies.refetch()} />
        )}
        {strategies.data?.length === 0 && (
          <Empty icon="strategy" title="No strategies of your own yet">
            Begin with a template below: it is a copy that you can change.
          </Empty>
        )}
        {strategies.data && strategies.data.length > 0 && (
          <div className="table-scroll">
            <table className="table">
              <thead>
                <tr>
                  <th scope="col">Strategy</th>
                  <th scope="col" className="wide">
                    Description
                  </th>
                  <th scope="col" className="right">
                    Version
                  </th>
                  <th scope="col" className="right wide">
                    Changed ({zone()})
                  </th>
                  <th scope="col">
                    <span className="hidden">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {strategies.data.map((item) => (
                  <tr key={item.id}>
                    <th scope="row">
                      <Link href={`/strategies/${item.id}`}>{item.name}</Link>
                    </th>
                    <td className="wide muted clip">{item.description}</td>
                    <td className="right num">{item.version}</td>
                    <td className="right num wide" title={moment(item.updated_at)}>
                      {dayAndTime(item.updated_at)}
                    </td>
                    <td className="right">
                      <LinkButton href={`/sessions/new?strategy=${item.id}`} look="small">
                        Run it
                      </LinkButton>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      <h2 className="section-title">Templates</h2>
      {templates.isPending && <Skeleton rows={2} height={72} />}
      {templates.isError && !templates.data && (
        <Failure error={templates.error} retry={() => void templates.refetch()} />
      )}
      <ul className="template-cards">
        {templates.data?.map((item) => (
          <li key={item.key}>
            <Link href={`/strategies/new?template=${item.key}`} className="template-card">
              <strong>{item.name}</strong>
              <TemplatePicture template={item} />
              <span className="muted">{item.description}</span>
              <span className="template-more">
                Use it <Icon name="chevron" size={14} />
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Page>
  );
}
