// Catches the failure of one view, so that the rest of the dashboard works on.
import { Component, type ComponentChildren } from "preact";
import { CopyButton } from "../parts/copy.tsx";
import { Empty } from "../parts/empty.tsx";

export class Boundary extends Component<{ children: ComponentChildren }, { error: string | null }> {
  override state: { error: string | null } = { error: null };

  static override getDerivedStateFromError(error: unknown) {
    return { error: String(error) };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <Empty title="This view could not be drawn.">
        The other views go on; the fault is ours, please report it: <span class="mono">{this.state.error}</span>
        <span class="empty-ways">
          <button type="button" class="button" onClick={() => this.setState({ error: null })}>
            Try again
          </button>
          <CopyButton text={this.state.error}>Copy the fault</CopyButton>
        </span>
      </Empty>
    );
  }
}
