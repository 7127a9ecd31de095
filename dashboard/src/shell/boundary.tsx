import { Component, type ReactNode } from "react";
import { Failure } from "../components/states";

/** Shows what went wrong in a screen in its place; everything around it goes on. */
export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null as unknown };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error) return <Failure error={this.state.error} onAgain={() => location.reload()} />;
    return this.props.children;
  }
}
