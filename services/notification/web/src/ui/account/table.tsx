import type { ReactNode } from "react";

/** A column of a table of the account: its head, and what a row has in it. */
export interface Column<Row> {
  head: string;
  cell: (row: Row) => ReactNode;
  /** Of numbers and times, which align; of names, in which each letter counts. */
  look?: "num" | "mono";
  /** What is shown when the pointer rests on it. */
  title?: (row: Row) => string;
}

/** What belongs to an account, a row each, with what can be done about it at the end. */
export function AccountTable<Row>({
  rows,
  rowKey,
  columns,
  actions,
  rowClass,
}: {
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  columns: readonly Column<Row>[];
  actions: (row: Row) => ReactNode;
  rowClass?: (row: Row) => string;
}) {
  return (
    <div className="table-scroll">
      <table className="table">
        <thead>
          <tr>
            {columns.map(({ head }) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
            <th scope="col">
              <span className="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)} className={rowClass?.(row)}>
              {columns.map(({ head, cell, look, title }) => (
                <td key={head} className={look} title={title?.(row)}>
                  {cell(row)}
                </td>
              ))}
              <td>
                <div className="row-actions">{actions(row)}</div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
