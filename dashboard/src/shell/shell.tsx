/** What stands around every screen: navigation, tenant, person, and how the connection is. */
import { Suspense, useEffect, useRef } from "react";
import { classes } from "../components/classes";
import { Empty, Loading } from "../components/states";
import { useLiveConnection } from "../live/live";
import { match } from "../match";
import { Link, usePath } from "../router";
import { ROUTES } from "../routes";
import type { Person } from "../session/session";
import { Boundary } from "./boundary";
import { useBranding } from "./branding";
import { ConnectionState } from "./connection";
import { PersonMenu } from "./person-menu";
import { LogInAgain } from "./log-in-again";

export function Shell({ person }: { person: Person }) {
  const path = usePath();
  const brand = useBranding(person.tenant);
  useLiveConnection(person.permissions.has("runs:read"));
  const found = ROUTES.map((route) => ({ route, params: match(route.path, path) })).find((each) => each.params);
  const title = found?.route.title ?? "Not found";
  useEffect(() => {
    document.title = `${title} – ${brand.name}`;
  }, [title, brand.name]);
  useFocusOnArrival(path);
  const Screen = found?.route.screen;
  return (
    <div className="grid min-h-dvh grid-rows-[auto_auto_1fr] md:grid-cols-[11rem_1fr] md:grid-rows-[auto_1fr]">
      <a href="#screen" className="sr-only z-50 rounded bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:absolute focus:top-1 focus:left-1">
        Skip to the screen
      </a>
      <header className="flex min-h-11 flex-wrap items-center gap-x-3 border-b border-line bg-panel px-3 md:col-span-2">
        <Link to="/" className="flex min-w-0 items-center gap-2 font-semibold text-text">
          <img src={brand.logo || "/icon.svg"} alt="" width="20" height="20" className="size-5 object-contain" />
          <span className="truncate">{brand.name}</span>
        </Link>
        <span className="truncate text-muted max-sm:hidden" title="Tenant">
          {person.tenant}
        </span>
        <span className="flex-1" />
        <ConnectionState />
        <PersonMenu person={person} />
      </header>
      <nav aria-label="Screens" className="flex gap-0.5 overflow-x-auto border-line bg-panel p-1 max-md:border-b md:flex-col md:border-r md:p-2">
        {ROUTES.filter((route) => route.nav).map((route) => {
          const here = route.path === "/" ? path === "/" : path.startsWith(route.path);
          return (
            <Link
              key={route.path}
              to={route.path}
              aria-current={here ? "page" : undefined}
              className={classes(
                "flex h-[var(--row)] shrink-0 items-center rounded px-3 font-medium",
                here ? "bg-accent text-on-accent" : "text-text hover:bg-raised",
              )}
            >
              {route.nav}
            </Link>
          );
        })}
      </nav>
      <main id="screen" tabIndex={-1} className="grid min-w-0 grid-cols-[minmax(0,1fr)] content-start gap-3 p-3 outline-none">
        {person.permissions.size === 0 && (
          <p role="alert" className="rounded border border-warn px-3 py-2 text-warn">
            You may do nothing yet: either you have no role, or your tenant asks for a second factor.{" "}
            <Link to="/app/settings?part=factor">Set up a second factor</Link>
          </p>
        )}
        <Boundary key={path}>
          <Suspense fallback={<Loading rows={8} />}>
            {Screen && found?.params ? <Screen params={found.params} /> : <Empty title="There is no such screen." />}
          </Suspense>
        </Boundary>
      </main>
      <LogInAgain person={person} />
    </div>
  );
}

/** Whoever goes to another screen is there with the keyboard, too. */
function useFocusOnArrival(path: string) {
  const first = useRef(true);
  useEffect(() => {
    if (first.current) first.current = false;
    else document.getElementById("screen")?.focus({ preventScroll: true });
  }, [path]);
}
