// A section of the details under a small heading.
import type { ComponentChildren } from "preact";

interface SectionProps {
  readonly title: ComponentChildren;
  /** At the end of the heading's line. */
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Section({ title, aside, children }: SectionProps) {
  return (
    <section class="section">
      <h3>
        <span>{title}</span>
        {aside !== undefined && <span class="section-aside">{aside}</span>}
      </h3>
      {children}
    </section>
  );
}
