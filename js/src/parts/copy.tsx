// A button that copies a text, and says so for a moment.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

const SAID_MS = 1_500;

/** Without the clipboard API (an http page that is not localhost) the old way still works. */
async function copy(text: string, near: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    near.after(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

interface CopyButtonProps {
  readonly text: string;
  readonly children: ComponentChildren;
  /** What is copied, where the text itself would be too long to say it. */
  readonly title?: string;
  readonly class?: string;
}

export function CopyButton({ text, children, title = text, class: name = "" }: CopyButtonProps) {
  const [said, say] = useState<string | null>(null);
  const onClick = async (event: MouseEvent) => {
    const button = event.currentTarget as HTMLElement;
    say((await copy(text, button)) ? "copied" : "could not copy");
    button.focus();
    setTimeout(() => say(null), SAID_MS);
  };
  return (
    <button type="button" class={`button copy ${name}`} title={title} onClick={onClick}>
      {said ?? children}
    </button>
  );
}
