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
  { path: "/app/money", title: "Money", nav: "Money", screen: lazy(() => import("./screens/money/index")) },
  { path: "/app/settings", title: "Settings", nav: "Settings", screen: lazy(() => import("./screens/settings/index")) },
];
