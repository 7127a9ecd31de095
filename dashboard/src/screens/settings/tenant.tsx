/** The tenant's name, logo and accents, with what they will look like. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ChangeEvent, type FormEvent, useState } from "react";
import { call } from "../../api/client";
import { Button } from "../../components/button";
import { Field } from "../../components/field";
import { Panel } from "../../components/panel";
import { Forbidden, Loaded, Refused } from "../../components/states";
import { toast } from "../../components/toast";
import { useMay } from "../../session/hooks";
import type { Branding } from "../../shell/branding";
import { contrast } from "../../shell/contrast";

const LOGO_MAX = 100_000;
const LOGO_TYPES = "image/png,image/jpeg,image/webp";

export default function Tenant() {
  return useMay("tenant:manage") ? <Known /> : <Forbidden needs="tenant:manage" />;
}

function Known() {
  const known = useQuery({ queryKey: ["branding", "own"], queryFn: () => call<Branding>("/branding") });
  return (
    <Panel title="Tenant and branding">
      <Loaded query={known}>{(brand) => <Form brand={brand} />}</Loaded>
    </Panel>
  );
}

function Form({ brand }: { brand: Branding }) {
  const queries = useQueryClient();
  const [said, setSaid] = useState({ name: brand.name, logo: brand.logo, accent: brand.accent, accent_dark: brand.accent_dark });
  const [wrong, setWrong] = useState("");
  const save = useMutation({
    mutationFn: () =>
      call("/branding", { method: "PUT", body: { ...said, accent: said.accent.toLowerCase(), accent_dark: said.accent_dark.toLowerCase() } }),
    async onSuccess() {
      await queries.invalidateQueries({ queryKey: ["branding"] });
      toast("The branding was saved.");
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    save.mutate();
  }
  async function logo(event: ChangeEvent<HTMLInputElement>) {
    const file = event.target.files?.[0];
    if (!file) return;
    const large = file.size > LOGO_MAX;
    setWrong(large ? "A logo has 100 kB at most." : "");
    if (!large) setSaid({ ...said, logo: await dataUrl(file) });
  }
  return (
    <form onSubmit={submit} className="grid max-w-md gap-3 p-3">
      <Field label="Name" value={said.name} maxLength={60} onChange={(event) => setSaid({ ...said, name: event.target.value })} />
      <Field label="Logo" type="file" accept={LOGO_TYPES} hint="PNG, JPEG or WebP, 100 kB at most." error={wrong} onChange={(event) => void logo(event)} />
      {said.logo && (
        <div className="flex items-center gap-3">
          <img src={said.logo} alt="The logo" className="size-12 object-contain" />
          <Button onClick={() => setSaid({ ...said, logo: "" })}>Without a logo</Button>
        </div>
      )}
      <Accent label="Accent on light" value={said.accent} page="#f5f6f8" onChange={(accent) => setSaid({ ...said, accent })} />
      <Accent label="Accent on dark" value={said.accent_dark} page="#1c222b" onChange={(accent_dark) => setSaid({ ...said, accent_dark })} />
      <Refused error={save.error} />
      <div>
        <Button kind="primary" type="submit" busy={save.isPending}>
          Save
        </Button>
      </div>
    </form>
  );
}

function Accent({ label, value, page, onChange }: { label: string; value: string; page: string; onChange: (value: string) => void }) {
  const right = /^#[0-9a-f]{6}$/i.test(value);
  const found = right ? contrast(value, page) : 0;
  return (
    <Field
      label={label}
      value={value}
      placeholder="#0b5cad"
      pattern="#[0-9a-fA-F]{6}"
      onChange={(event) => onChange(event.target.value)}
      hint={
        right ? (
          <>
            <svg width="12" height="12" aria-hidden="true" className="mr-1 inline">
              <rect width="12" height="12" fill={value} />
            </svg>
            Contrast {found.toFixed(1)}:1{found < 4.5 ? "; text in it is made stronger until it can be read." : "."}
          </>
        ) : (
          "As #rrggbb; empty: the product's own."
        )
      }
    />
  );
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
