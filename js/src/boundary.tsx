// Keeps the failure of one view from taking the dashboard down.
import { Component, type ComponentChildren } from "preact";
import { Empty } from "./parts/empty.tsx";

export class Boundary extends Component<{ children: ComponentChildren }, { error: string | null }> {
  override state = { error: null };

  static override getDerivedStateFromError(error: unknown) {
    return { error: String(error) };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <Empty title="This view failed.">
        {this.state.error}{" "}
        <button type="button" class="button" onClick={() => this.setState({ error: null })}>
          Try again
        </button>
      </Empty>
    );
  }
}
