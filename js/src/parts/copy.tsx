// A button that copies a text, and confirms it for a moment.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { visible } from "../lib/text.ts";
import { Icon } from "./icons.tsx";

const SAID_MS = 1_500;

/** Without the clipboard API (an http page that is not localhost) the old way still works. */
export async function copy(text: string, near: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden"; // and the page does not jump
    near.after(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

interface CopyButtonProps {
  /** Copied as it is shown: what is pasted holds nothing that could not be seen before. */
  readonly text: string;
  readonly children: ComponentChildren;
  /** What is copied, where the text itself would be too long to say it. */
  readonly title?: string;
  readonly class?: string;
  /** With a sign, which stays when there is no room for the words. */
  readonly icon?: boolean;
}

export function CopyButton({ text, children, title = text, class: name = "", icon = false }: CopyButtonProps) {
  const [note, setNote] = useState<string | null>(null);
  const onClick = async (event: MouseEvent) => {
    const button = event.currentTarget as HTMLElement;
    setNote((await copy(visible(text), button)) ? "copied" : "could not copy");
    button.focus();
    setTimeout(() => setNote(null), SAID_MS);
  };
  return (
    <button type="button" class={`button copy ${icon ? "tool" : ""} ${name}`} title={title} onClick={onClick}>
      {icon && <Icon name="copy" />}
      {icon && note === null ? <span class="tool-word">{children}</span> : (note ?? children)}
    </button>
  );
}
