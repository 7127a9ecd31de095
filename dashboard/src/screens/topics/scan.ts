/** Looks through a topic page by page: the gateway ends a page at a bound, and this goes on until enough is found. */
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import type { Asked } from "./asked";

type Page = Answer<"GET /topics/{topic}/records">;
export type LogRecord = Page["records"][number];

const ROWS = 50;
/** Pages that are looked at before somebody has to ask for more. */
const PAGES = 10;

export function useScan(topic: string, asked: Asked) {
  const [round, setRound] = useState(0);
  const of = JSON.stringify([topic, asked, round]);
  const [wanted, setWanted] = useState({ of, rows: ROWS, pages: PAGES });
  const most = wanted.of === of ? wanted : { rows: ROWS, pages: PAGES };
  const found = useInfiniteQuery({
    queryKey: ["/topics", topic, "records", asked, round],
    queryFn: ({ pageParam, signal }) =>
      call<Page>(`/topics/${encodeURIComponent(topic)}/records`, { query: { ...asked, limit: ROWS, cursor: pageParam }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    staleTime: Infinity, // what lies on the log stays as it is; what comes is looked for when somebody asks
  });
  const { fetchNextPage, isFetching, isPlaceholderData: former, hasNextPage } = found;
  const pages = found.data?.pages ?? [];
  const rows = pages.flatMap((page) => page.records);
  const goingOn = hasNextPage && !former && !found.error && rows.length < most.rows && pages.length < most.pages;
  useEffect(() => {
    if (goingOn && !isFetching) void fetchNextPage();
  }, [goingOn, isFetching, fetchNextPage]);
  return {
    data: found.data && rows,
    error: found.data && !former ? null : found.error,
    /** What went wrong with a further page. */
    stopped: found.data && !former ? found.error : null,
    refetch: found.refetch,
    scanned: pages.reduce((sum, page) => sum + page.scanned, 0),
    busy: goingOn || isFetching,
    /** Whether what is shown is still what was asked for before. */
    former,
    more: hasNextPage,
    next() {
      setWanted({ of, rows: rows.length + ROWS, pages: pages.length + PAGES });
      if (found.error) void fetchNextPage();
    },
    stop: () => setWanted({ of, rows: rows.length, pages: 0 }),
    again: () => setRound(round + 1),
  };
}
