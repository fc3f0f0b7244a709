// Shows Markdown that an agent or a person wrote. Text nodes only.
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { type Block, blocks, spans } from "../lib/markdown.ts";
import { visible } from "../lib/text.ts";
import { Marked } from "./highlight.tsx";

export function Markdown({ text }: { text: string }) {
  const parsed = useMemo(() => blocks(visible(text)), [text]);
  return (
    <div class="markdown">
      {parsed.map((block, i) => (
        <Piece key={i} block={block} />
      ))}
    </div>
  );
}

function Piece({ block }: { block: Block }) {
  switch (block.kind) {
    case "code":
      return (
        <pre class="mono-block">
          <Marked text={block.text} />
        </pre>
      );
    case "table":
      return <Table rows={block.rows} />;
    case "rule":
      return <hr />;
    case "heading":
      return (
        <p class="markdown-heading">
          <Inline text={block.text} />
        </p>
      );
    case "item":
      return (
        <p class="markdown-item" style={{ marginInlineStart: `${block.depth * 16}px` }}>
          <span class="muted">{/\d/.test(block.marker) ? block.marker : "•"}</span>
          <span>
            <Inline text={block.text} />
          </span>
        </p>
      );
    case "text":
      return (
        <p>
          <Inline text={block.text} />
        </p>
      );
  }
}

function Table({ rows }: { rows: readonly (readonly string[])[] }) {
  const [head, ...body] = rows;
  const line = (row: readonly string[], Cell: "th" | "td") =>
    row.map((cell, i) => (
      <Cell key={i}>
        <Inline text={cell} />
      </Cell>
    ));
  return (
    <div class="markdown-table">
      <table>
        <thead>
          <tr>{line(head ?? [], "th")}</tr>
        </thead>
        <tbody>
          {body.map((row, i) => (
            <tr key={i}>{line(row, "td")}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Inline({ text }: { text: string }) {
  const parts = useMemo(() => spans(text), [text]);
  return (
    <>
      {parts.map((part, i): ComponentChildren => {
        const inner = <Marked key={i} text={part.text} />;
        if (part.kind === "code") return <code key={i}>{inner}</code>;
        if (part.kind === "bold") return <strong key={i}>{inner}</strong>;
        if (part.kind === "stressed") return <em key={i}>{inner}</em>;
        if (part.kind === "text") return inner;
        const { href = "" } = part;
        if (!/^https?:\/\//.test(href))
          return (
            <span key={i} class="markdown-path" title={href}>
              {inner}
            </span>
          );
        return (
          <a key={i} href={href} title={href} target="_blank" rel="noopener noreferrer">
            {inner}
          </a>
        );
      })}
    </>
  );
}
