import { explain } from "../../lib/api";
import { moment, price, quantity } from "../../lib/format";
import { isOpen, orderType, type Order } from "../../lib/orders";
import { useCancelOrder } from "../../lib/session-actions";
import { Icon } from "../icons";
import { Empty, Side, Skeleton, Time } from "../parts";

const MAX_CLOSED = 100;

/** Open orders first, then those that were filled, cancelled or rejected. */
export function OrdersTable({
  orders,
  sessionId,
  canCancel,
}: {
  orders: Order[] | undefined;
  sessionId: string;
  canCancel: boolean;
}) {
  const cancel = useCancelOrder(sessionId);
  if (!orders) return <Skeleton rows={4} height={28} />;
  const shown = [
    ...orders.filter(isOpen),
    ...orders.filter((order) => !isOpen(order)).slice(0, MAX_CLOSED),
  ];
  if (shown.length === 0) {
    return (
      <Empty icon="session" title="No orders">
        Limit, stop and target orders wait here until the market reaches them.
      </Empty>
    );
  }
  return (
    // A region that scrolls needs a way in for the keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table-scroll tab-scroll" role="region" aria-label="Orders" tabIndex={0}>
      {cancel.isError && <p className="field-error tab-note">{explain(cancel.error)}</p>}
      <table className="table compact orders-table" data-testid="orders">
        <thead>
          <tr>
            <th scope="col">Order</th>
            <th scope="col" className="right">
              Quantity
            </th>
            <th scope="col" className="right">
              Price
            </th>
            <th scope="col">Status</th>
            <th scope="col">
              <span className="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((order) => (
            <tr key={order.id} title={order.reason ?? undefined}>
              <td>
                <Side action={order.action} /> {orderType(order.type)}
                <span className="faint order-time" title={moment(order.createdAt)}>
                  <Time at={order.createdAt} />
                </span>
              </td>
              <td className="right num">{quantity(order.quantity)}</td>
              <td className="right num">
                {order.stopPrice !== null && <div>{price(order.stopPrice)}</div>}
                {order.limitPrice !== null && <div>{price(order.limitPrice)}</div>}
                {order.stopPrice === null && order.limitPrice === null && "market"}
              </td>
              <td className={isOpen(order) ? "" : "faint"}>
                {order.status.toLowerCase().replace(/_/g, " ")}
              </td>
              <td className="right">
                {canCancel && isOpen(order) && (
                  <button
                    type="button"
                    className="icon-button small"
                    aria-label={`Cancel the ${orderType(order.type).toLowerCase()} order`}
                    disabled={cancel.isPending}
                    onClick={() => cancel.mutate(order.id)}
                  >
                    <Icon name="cross" size={14} />
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
