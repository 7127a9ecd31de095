/** How the live connection is, and how old what the page shows is; a change is said to screen readers, the age is not. */
import { Badge, type Tone } from "../components/status";
import { span } from "../format/numbers";
import { useLive } from "../live/live";
import type { Connection } from "../live/socket";

const SAID: Record<Connection, readonly [Tone, string]> = {
  open: ["ok", "live"],
  connecting: ["warn", "connecting"],
  lost: ["bad", "connection lost"],
  refused: ["bad", "not permitted"],
  closed: ["muted", "not live"],
};
/** The gateway says at least that it is there every 25 seconds. */
const OLD_MS = 30_000;

export function ConnectionState() {
  const { connection, why, heardAt } = useLive();
  const age = heardAt ? Date.now() - heardAt : null;
  const [tone, text] = SAID[connection];
  const stale = connection !== "open" || (age !== null && age > OLD_MS);
  return (
    <div className="flex items-center gap-2" title={why}>
      <span role="status">
        <Badge tone={tone}>{text}</Badge>
      </span>
      <span className="min-w-20 text-small text-muted max-sm:hidden">{age !== null && stale ? `as of ${span(age)} ago` : ""}</span>
    </div>
  );
}
