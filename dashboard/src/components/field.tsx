import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from "react";
import { classes } from "./classes";

const BOX =
  "h-[var(--row)] w-full min-w-0 rounded border bg-raised px-2 text-text disabled:bg-panel disabled:text-muted aria-invalid:border-bad border-line-strong";

interface Said {
  label: string;
  /** Stands below, and is read with the field. */
  hint?: ReactNode;
  error?: string | undefined;
}

function Labelled({ id, label, hint, error, children }: Said & { id: string; children: ReactNode }) {
  return (
    <div className="grid min-w-0 gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children}
      {hint && (
        <p id={`${id}-hint`} className="text-small text-muted">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="text-small text-bad" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

function described(id: string, { hint, error }: Said) {
  const by = classes(hint ? `${id}-hint` : "", error ? `${id}-error` : "");
  return { id, "aria-invalid": error ? true : undefined, "aria-describedby": by || undefined };
}

/** A labelled input. */
export function Field({ label, hint, error, className, ...more }: Said & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  const said: Said = { label, hint, error };
  return (
    <Labelled id={id} {...said}>
      <input {...more} {...described(id, said)} className={classes(BOX, className)} />
    </Labelled>
  );
}

/** A labelled choice of one. */
export function Select({
  label,
  hint,
  error,
  options,
  ...more
}: Said & { options: readonly (readonly [value: string, text: string])[] } & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  const said: Said = { label, hint, error };
  return (
    <Labelled id={id} {...said}>
      <select {...more} {...described(id, said)} className={BOX}>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </Labelled>
  );
}

/** Labelled choices of several. */
export function Checks({
  label,
  options,
  chosen,
  onChange,
}: {
  label: string;
  options: readonly (readonly [value: string, text: string])[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
}) {
  return (
    <fieldset className="grid gap-1">
      <legend className="mb-1 font-medium">{label}</legend>
      {options.map(([value, text]) => (
        <label key={value} className="flex min-h-6 items-center gap-2">
          <input
            type="checkbox"
            className="size-4 accent-[var(--accent)]"
            checked={chosen.includes(value)}
            onChange={(event) => onChange(event.target.checked ? [...chosen, value] : chosen.filter((each) => each !== value))}
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}
