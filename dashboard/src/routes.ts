/** Every screen: its address, its name, and where its code is. A screen is one line here, and a file in screens/. */
import { type ComponentType, lazy } from "react";

export interface Route {
  path: string;
  title: string;
  /** Where it stands in the navigation; none: it is reached from another screen. */
  nav?: string;
  screen: ComponentType<{ params: Record<string, string> }>;
}

export const ROUTES: readonly Route[] = [
  { path: "/", title: "Live", nav: "Live", screen: lazy(() => import("./screens/live")) },
  { path: "/app/runs", title: "Runs", nav: "Runs", screen: lazy(() => import("./screens/runs/index")) },
  { path: "/app/runs/:id", title: "Run", screen: lazy(() => import("./screens/run/index")) },
  { path: "/app/topics", title: "Topics", nav: "Topics", screen: lazy(() => import("./screens/topics/index")) },
  { path: "/app/topics/:topic", title: "Topic", screen: lazy(() => import("./screens/topics/topic")) },
  { path: "/app/topics/:topic/:partition/:offset", title: "Record", screen: lazy(() => import("./screens/topics/record")) },
  { path: "/app/dead-letters", title: "Dead letters", nav: "Dead letters", screen: lazy(() => import("./screens/dead-letters/index")) },
  { path: "/app/dead-letters/:id", title: "Dead letter", screen: lazy(() => import("./screens/dead-letters/letter")) },
  { path: "/app/money", title: "Money", nav: "Money", screen: lazy(() => import("./screens/money/index")) },
  { path: "/app/settings", title: "Settings", nav: "Settings", screen: lazy(() => import("./screens/settings/index")) },
];
