/** A tenant's name, logo and accent, as CSS variables while it is looked at. */
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { API } from "../api/client";
import { readable } from "./contrast";

export interface Branding {
  tenant: string;
  name: string;
  /** A data: URL, or empty. */
  logo: string;
  accent: string;
  accent_dark: string;
}

const NONE: Omit<Branding, "tenant"> = { name: "Auterity", logo: "", accent: "", accent_dark: "" };
const LIGHT_PAGE = "#f5f6f8";
const DARK_PAGE = "#1c222b";

/** Returns the tenant's branding; the product's own until it is there, or when there is none. */
export function useBranding(tenant: string): Branding {
  const { data } = useQuery({
    queryKey: ["branding", tenant],
    queryFn: () => branding(tenant),
    enabled: tenant !== "",
    staleTime: 60_000,
    retry: false,
  });
  const { accent, accent_dark: dark } = data ?? NONE;
  useEffect(() => {
    const { style } = document.documentElement;
    if (accent) style.setProperty("--brand-light", readable(accent, LIGHT_PAGE));
    if (dark || accent) style.setProperty("--brand-dark", readable(dark || accent, DARK_PAGE));
    return () => {
      style.removeProperty("--brand-light");
      style.removeProperty("--brand-dark");
    };
  }, [accent, dark]);
  return { tenant, ...NONE, ...data, name: data?.name || NONE.name };
}

/** It is open to everybody: the sign-in shows it, too. */
async function branding(tenant: string): Promise<Branding | null> {
  const answer = await fetch(`${API}/branding/${encodeURIComponent(tenant)}`, { credentials: "omit" });
  return answer.ok ? ((await answer.json()) as Branding) : null;
}
