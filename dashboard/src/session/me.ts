/** Who is signed in, as the gateway tells it: title, roles, second factor. */
import { useQuery } from "@tanstack/react-query";
import { call } from "../api/client";
import type { Answer } from "../api/contract";

export function useMe() {
  return useQuery({ queryKey: ["me"], queryFn: ({ signal }) => call<Answer<"GET /me">>("/me", { signal }) });
}
