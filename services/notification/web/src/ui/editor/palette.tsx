import { useId, useMemo, useState, type KeyboardEvent } from "react";
import {
  CATALOGUE,
  NODE_TYPES,
  nodeLook,
  searchTypes,
  typeName,
  type NodeTypeInfo,
} from "../../lib/catalogue";

/** The same as the canvas reads; not imported from it, since that is a large script. */
const DRAG_TYPE = "application/x-algotrade-node";

/** Every type of node, to search, to click and to drag. */
export function Palette({ onAdd }: { onAdd: (info: NodeTypeInfo) => void }) {
  const [query, setQuery] = useState("");
  const id = useId();
  const found = useMemo(() => searchTypes(query), [query]);
  const groups = query.trim()
    ? [{ title: found.length > 0 ? "Found" : "Nothing found", types: found }]
    : CATALOGUE;

  const enter = (event: KeyboardEvent) => {
    const [first] = found;
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (query.trim() && first) {
      onAdd(first);
      setQuery("");
    }
  };
  return (
    <div className="palette">
      <label htmlFor={id} className="hidden">
        Find a node
      </label>
      <input
        id={id}
        type="search"
        className="palette-search"
        placeholder={`Find among ${NODE_TYPES.length} nodes`}
        autoComplete="off"
        value={query}
        onChange={(event) => setQuery(event.target.value)}
        onKeyDown={enter}
      />
      {/* A region that scrolls needs a way in for the keyboard; its buttons are one. */}
      <div className="palette-list" role="group" aria-label="Node types">
        {groups.map(({ title, types }) => (
          <section key={title}>
            <h3>{title}</h3>
            <ul>
              {types.map((info) => (
                <li key={`${info.type}-${info.form ?? ""}`}>
                  <button
                    type="button"
                    className={`palette-item ${nodeLook(info.type)}`}
                    title={info.about.replace(/`/g, "")}
                    draggable
                    onDragStart={(event) => {
                      event.dataTransfer.setData(DRAG_TYPE, String(NODE_TYPES.indexOf(info)));
                      event.dataTransfer.effectAllowed = "copy";
                    }}
                    onClick={() => onAdd(info)}
                  >
                    {typeName(info.type, info.form)}
                  </button>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </div>
  );
}
