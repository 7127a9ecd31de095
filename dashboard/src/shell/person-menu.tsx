import { useEffect, useRef, useState } from "react";
import { Button } from "../components/button";
import { Link } from "../router";
import { type Person, session } from "../session/session";
import { chosenTheme, chooseTheme, THEMES } from "./theme";

/** Who is signed in, the theme, and the way out. */
export function PersonMenu({ person }: { person: Person }) {
  const menu = useRef<HTMLDetailsElement>(null);
  const [theme, setTheme] = useState(chosenTheme);
  useEffect(() => {
    const close = (event: Event) => {
      if (event instanceof KeyboardEvent && event.key !== "Escape") return;
      if (event instanceof MouseEvent && menu.current?.contains(event.target as Node)) return;
      if (menu.current) menu.current.open = false;
    };
    addEventListener("click", close);
    addEventListener("keydown", close);
    return () => {
      removeEventListener("click", close);
      removeEventListener("keydown", close);
    };
  }, []);
  return (
    <details ref={menu} className="relative">
      <summary className="flex h-[var(--row)] max-w-40 list-none items-center rounded border border-line-strong bg-raised px-2">
        <span className="truncate">{person.name}</span>
        <span aria-hidden="true" className="pl-1 text-muted">
          ▾
        </span>
      </summary>
      <div className="absolute right-0 z-40 mt-1 grid w-60 gap-3 rounded border border-line-strong bg-raised p-3 shadow-lg">
        <p className="break-words">
          <b className="font-semibold">{person.name}</b>
          <br />
          <span className="text-muted">of the tenant {person.tenant}</span>
        </p>
        <fieldset className="grid gap-1">
          <legend className="mb-1 text-small text-muted">Theme</legend>
          <div className="flex gap-3">
            {THEMES.map((each) => (
              <label key={each} className="flex items-center gap-1">
                <input
                  type="radio"
                  name="theme"
                  className="accent-[var(--accent)]"
                  checked={theme === each}
                  onChange={() => {
                    chooseTheme(each);
                    setTheme(each);
                  }}
                />
                {each}
              </label>
            ))}
          </div>
        </fieldset>
        <Link to="/app/settings">Profile and settings</Link>
        <Button onClick={() => void session.signOut().catch(() => undefined)}>Sign out</Button>
      </div>
    </details>
  );
}
