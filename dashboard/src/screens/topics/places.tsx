/** Places on the log, and the way there. */
import { Link } from "../../router";

export interface Place {
  topic: string;
  partition: number;
  offset: number;
}

export function topicPath(topic: string): string {
  return `/app/topics/${encodeURIComponent(topic)}`;
}

export function recordPath({ topic, partition, offset }: Place): string {
  return `${topicPath(topic)}/${partition}/${offset}`;
}

/** A place as `topic partition:offset`, which leads there. */
export function PlaceLink({ of, topic = true, ...more }: { of: Place; topic?: boolean } & { [name: `aria-${string}` | `data-${string}`]: string | boolean }) {
  return (
    <Link to={recordPath(of)} className="whitespace-nowrap" onClick={(event) => event.stopPropagation()} {...more}>
      {topic && `${of.topic} `}
      {of.partition}:{of.offset}
    </Link>
  );
}
