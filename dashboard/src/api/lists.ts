/** Lists that come page by page. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { call } from "./client";

const LIMIT = 50;

/** Returns the rows of all pages so far, and what gets the next one. */
export function useList<T>(path: string, member: string, query: Record<string, string> = {}) {
  const asked = useInfiniteQuery({
    queryKey: [path, query],
    queryFn: ({ pageParam, signal }) =>
      call<Record<string, unknown> & { next: string | null }>(path, { query: { ...query, limit: LIMIT, cursor: pageParam }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next,
  });
  const rows = asked.data?.pages.flatMap((page) => page[member] as T[]);
  return { data: rows, error: asked.error, refetch: asked.refetch, more: asked.hasNextPage, next: () => void asked.fetchNextPage(), busy: asked.isFetchingNextPage };
}
