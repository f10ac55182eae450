import { autocompletion, completionKeymap, type CompletionContext } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { pythonLanguage } from "@codemirror/lang-python";
import {
  HighlightStyle,
  indentUnit,
  LanguageSupport,
  syntaxHighlighting,
} from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { rangeOf, WORDS } from "../lib/script";
import type { Diagnostic } from "../lib/types";

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--line-3)" },
  { tag: [tags.number, tags.bool], color: "var(--warn)" },
  { tag: tags.string, color: "var(--up)" },
  { tag: tags.comment, color: "var(--faint)", fontStyle: "italic" },
  { tag: tags.function(tags.variableName), color: "var(--accent)" },
]);

const look = EditorView.theme({
  "&": {
    height: "100%",
    color: "var(--text)",
    backgroundColor: "var(--surface)",
    fontSize: "13px",
  },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--faint)", border: "0" },
  ".cm-tooltip": {
    backgroundColor: "var(--surface)",
    color: "var(--text)",
    border: "1px solid var(--border-strong)",
    borderRadius: "6px",
    maxWidth: "28rem",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    backgroundColor: "var(--accent-soft)",
    color: "var(--accent)",
  },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
});

/** The library underlines with images in data: addresses, which the page's policy refuses. */
const underlines = EditorView.theme(
  Object.fromEntries(
    [
      ["error", "--down"],
      ["warning", "--warn"],
      ["info", "--accent"],
      ["hint", "--accent"],
    ].map(([severity, color]) => [
      `.cm-lintRange-${severity}`,
      {
        backgroundImage: "none",
        textDecoration: `underline wavy var(${color}) 1px`,
        textUnderlineOffset: "3px",
      },
    ]),
  ),
);

const ICONS = { function: "function", variable: "variable", keyword: "keyword" } as const;

function complete(context: CompletionContext) {
  const word = context.matchBefore(/\w+/);
  if (!word && !context.explicit) return null;
  return {
    from: word?.from ?? context.pos,
    options: WORDS.map(({ label, detail, info, kind }) => ({
      label,
      detail,
      type: ICONS[kind],
      ...(info && { info }),
    })),
    validFor: /^\w*$/,
  };
}

/** The script with Python's colours, completion, and the compiler's findings at their places. */
export default function ScriptEditor({
  text,
  onChange,
  diagnostics,
  readOnly = false,
  label,
}: {
  text: string;
  onChange?: (text: string) => void;
  diagnostics: readonly Diagnostic[];
  readOnly?: boolean;
  label: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const changed = useRef(onChange);
  useEffect(() => {
    changed.current = onChange;
  });

  useEffect(() => {
    if (!box.current) return undefined;
    // The editor brings its styles along; in a shadow root they are style sheet objects, which a
    // strict content security policy allows, and not <style> elements, which it doesn't.
    const root = box.current.shadowRoot ?? box.current.attachShadow({ mode: "open" });
    const editable = new Compartment();
    const made = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: "",
        extensions: [
          lineNumbers(),
          history(),
          indentUnit.of("    "),
          new LanguageSupport(pythonLanguage),
          syntaxHighlighting(colours),
          autocompletion({ override: [complete] }),
          look,
          underlines,
          editable.of([EditorState.readOnly.of(readOnly), EditorView.editable.of(!readOnly)]),
          EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
          keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
          EditorView.updateListener.of((update) => {
            const own = update.transactions.some((item) => item.isUserEvent("set"));
            if (update.docChanged && !own) changed.current?.(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => {
      view.current = null;
      made.destroy();
    };
  }, [readOnly, label]);

  useEffect(() => {
    const current = view.current;
    if (!current || current.state.doc.toString() === text) return;
    const changes = { from: 0, to: current.state.doc.length, insert: text };
    current.dispatch({ changes, userEvent: "set" });
  }, [text, readOnly, label]);

  useEffect(() => {
    const current = view.current;
    if (!current) return;
    const now = current.state.doc.toString();
    const marks = diagnostics
      .filter((item) => item.line != null)
      .map((item) => ({
        ...rangeOf(now, item),
        severity: item.severity === "notice" ? ("info" as const) : item.severity,
        message: [item.message, item.hint].filter(Boolean).join(" "),
      }));
    current.dispatch(setDiagnostics(current.state, marks));
  }, [diagnostics, text]);

  return <div ref={box} className="script-box" data-testid="script" />;
}
