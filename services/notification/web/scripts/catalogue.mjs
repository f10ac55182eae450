/**
 * The node types as the editor needs them, read from docs/strategy-graph.md, which the engine
 * writes from its own code. `npm run catalogue` renews src/lib/catalogue.json; a test compares.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const DOC = new URL("../../../../docs/strategy-graph.md", import.meta.url);
const JSON_FILE = new URL("../src/lib/catalogue.json", import.meta.url);

/** `price-in` (unconnected: close); `a` or `b` (condition) (may be left open) */
function handles(line) {
  return line.split(/;\s*(?=`)/).map((part) => {
    const names = [...part.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    const remarks = [...part.matchAll(/\(([^)]*)\)/g)].map(([, remark]) => remark);
    const [id, ...aliases] = names;
    const kind = remarks.find((remark) => /^(condition|order|exit|size)$/.test(remark));
    const optional = remarks.some((remark) => /^(unconnected|may be left open)/.test(remark));
    return {
      id,
      ...(aliases.length > 0 && { aliases }),
      kind: kind ?? "number",
      ...(optional && { optional: true }),
      ...(remarks.includes("no effect") && { unused: true }),
    };
  });
}

/** `period` [20]: 1 to 100,000; or `orderType` [market]: market, limit; of a sale also trailing-stop */
function fields(line) {
  return line.split(/;\s*(?=`\w+`\s*(?:\[|:))/).map((part) => {
    const [, key, , preset, rule = ""] = /^`(\w+)`\s*(\[([^\]]*)\])?:?\s*(.*)$/.exec(part) ?? [];
    const words = rule.split(/,\s*/);
    const choice = words.length > 1 && words.every((word) => /^[a-z_-]+$/.test(word));
    const boolean = rule === "true, false";
    const number = !choice && /\d|above|magnitude|more/.test(rule) && !/^\d\d:/.test(rule);
    const kind = boolean ? "boolean" : choice ? "choice" : number ? "number" : "text";
    return {
      key,
      kind,
      ...(preset !== undefined && {
        preset: kind === "number" ? Number(preset) : boolean ? preset === "true" : preset,
      }),
      ...(kind === "choice" && { choices: words }),
      ...(rule && !choice && !boolean && { rule }),
    };
  });
}

/** Without what is said beside the choices: other spellings of them, and limits of some. */
function choices(line) {
  return line.replace(/; of a sale also [\w-]+|; percentages at most 100|, or >.*?!=/g, "");
}

export function catalogueOf(text) {
  const start = text.indexOf("<!-- nodes -->");
  const end = text.indexOf("<!-- end of nodes -->");
  if (start < 0 || end < 0) throw new Error("the document has no nodes between its marks");
  const groups = [];
  for (const section of text.slice(start, end).split(/^### /m).slice(1)) {
    const [title] = section.split("\n");
    const types = section
      .split(/^#### /m)
      .slice(1)
      .map((entry) => {
        const lines = entry.split("\n");
        const of = (label) => lines.find((line) => line.startsWith(`- ${label}: `));
        const read = (label) => of(label)?.slice(label.length + 4);
        const [name, form] = /^(\w+)(?: \((\w+)\))?$/.exec(lines[0]).slice(1);
        const [inputs, outputs, data] = ["in", "out", "data"].map(read);
        return {
          type: name,
          ...(form && { form }),
          about: lines.slice(1).find((line) => line && !line.startsWith("- ")),
          inputs: inputs ? handles(inputs) : [],
          outputs: outputs ? handles(outputs) : [],
          fields: data ? fields(choices(data)) : [],
        };
      });
    groups.push({ title: title.trim(), types });
  }
  return groups;
}

export async function fromDocument() {
  return catalogueOf(await readFile(DOC, "utf8"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(JSON_FILE, `${JSON.stringify(await fromDocument(), null, 2)}\n`);
}
