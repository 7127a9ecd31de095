/** People of the tenant, and their roles. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { call } from "../../api/client";
import { GRANTED } from "../../api/contract";
import { useList } from "../../api/lists";
import type { UserTold } from "../../api/people";
import { Button } from "../../components/button";
import { Dialog } from "../../components/dialog";
import { Checks, Field, Select } from "../../components/field";
import { Panel } from "../../components/panel";
import { Forbidden, Loaded, More, Refused } from "../../components/states";
import { Badge, Status } from "../../components/status";
import { Table } from "../../components/table";
import { toast } from "../../components/toast";
import { useMay, usePerson } from "../../session/hooks";
import { ShownOnce } from "./shown-once";

export default function People() {
  return useMay("users:manage") ? <List /> : <Forbidden needs="users:manage" />;
}

function List() {
  const queries = useQueryClient();
  const users = useList<UserTold>("/users", "users");
  const [making, setMaking] = useState(false);
  const [changing, setChanging] = useState<UserTold | null>(null);
  const [password, setPassword] = useState("");
  function done(shown = "") {
    setMaking(false);
    setChanging(null);
    setPassword(shown);
    void queries.invalidateQueries({ queryKey: ["/users"] });
  }
  return (
    <Panel
      title="People and roles"
      side={
        <Button kind="primary" onClick={() => setMaking(true)}>
          Add a person
        </Button>
      }
    >
      <Loaded query={users}>
        {(rows) => (
          <Table
            label="People"
            rows={rows}
            rowKey={(user) => user.id}
            onOpen={setChanging}
            columns={[
              { head: "Name", cell: (user) => user.id },
              { head: "Title", wide: true, cell: (user) => user.title },
              { head: "Roles", cell: (user) => user.roles.join(", ") },
              { head: "Second factor", wide: true, cell: (user) => (user.second_factor ? <Badge tone="ok">enrolled</Badge> : <Badge>none</Badge>) },
              { head: "Signs in", wide: true, cell: (user) => (user.issuer ? "at a provider" : user.one_time ? "has a password for one log-in" : "with a password") },
              { head: "Status", width: "6rem", cell: (user) => <Status of={user.status} /> },
            ]}
          />
        )}
      </Loaded>
      <More list={users} />
      {making && <Make onClose={() => setMaking(false)} onMade={done} />}
      {changing && <Change user={changing} onClose={() => setChanging(null)} onDone={done} />}
      {password && (
        <ShownOnce title="Password for one log-in" secret={password} onClose={() => setPassword("")}>
          Whoever signs in with it chooses an own one.
        </ShownOnce>
      )}
    </Panel>
  );
}

/** The roles that the person who asks can give: none that permits what he may not himself. */
function useRoles() {
  const { permissions } = usePerson();
  return Object.entries(GRANTED)
    .filter(([, granted]) => granted.every((each) => permissions.has(each)))
    .map(([role]) => [role, role] as const);
}

function Make({ onClose, onMade }: { onClose: () => void; onMade: (password: string) => void }) {
  const [roles, setRoles] = useState<string[]>([]);
  const options = useRoles();
  const make = useMutation({
    mutationFn: (body: unknown) => call<{ password: string }>("/users", { method: "POST", body, idempotencyKey: crypto.randomUUID() }),
    onSuccess: (found) => onMade(found.password),
  });
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    make.mutate({ ...Object.fromEntries(new FormData(event.currentTarget)), roles });
  }
  return (
    <Dialog title="Add a person" onClose={onClose}>
      <form onSubmit={submit} className="grid gap-3">
        <Field label="Name" name="name" required maxLength={100} autoCapitalize="none" hint="To sign in with: small letters, digits, . _ @ + -" />
        <Field label="Title" name="title" maxLength={200} hint="What the person is called." />
        <Checks label="Roles" options={options} chosen={roles} onChange={setRoles} />
        <Refused error={make.error} />
        <div className="flex gap-2">
          <Button kind="primary" type="submit" busy={make.isPending} disabled={!roles.length}>
            Add
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}

function Change({ user, onClose, onDone }: { user: UserTold; onClose: () => void; onDone: (password?: string) => void }) {
  const [roles, setRoles] = useState(user.roles);
  const options = useRoles();
  const own = usePerson().name === user.id;
  const path = `/users/${encodeURIComponent(user.id)}`;
  const change = useMutation({
    mutationFn: (said: { path?: string; method: "PATCH" | "POST" | "DELETE"; body?: unknown; done: string }) =>
      call<{ password?: string }>(path + (said.path ?? ""), { method: said.method, body: said.body ?? {} }),
    onSuccess(found, said) {
      toast(said.done);
      onDone(found.password);
    },
  });
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const said = Object.fromEntries(new FormData(event.currentTarget));
    change.mutate({ method: "PATCH", body: { ...said, roles }, done: `${user.id} was changed.` });
  }
  return (
    <Dialog title={user.id} onClose={onClose}>
      <form onSubmit={submit} className="grid gap-3">
        <Field label="Title" name="title" defaultValue={user.title} maxLength={200} />
        <Select
          label="Status"
          name="status"
          defaultValue={user.status}
          options={[
            ["active", "active"],
            ["suspended", "suspended: signs in no more, and is signed out"],
          ]}
        />
        <Checks label="Roles" options={options} chosen={roles} onChange={setRoles} />
        <Refused error={change.error} />
        <div className="flex flex-wrap gap-2">
          <Button kind="primary" type="submit" busy={change.isPending} disabled={!roles.length}>
            Save
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
        {!own && (
          <div className="flex flex-wrap gap-2 border-t border-line pt-3">
            <Button kind="danger" onClick={() => change.mutate({ path: "/reset", method: "POST", done: "A new password was made." })}>
              New password for one log-in
            </Button>
            {user.second_factor && (
              <Button kind="danger" onClick={() => change.mutate({ path: "/totp", method: "DELETE", done: "The second factor was taken away." })}>
                Take the second factor away
              </Button>
            )}
          </div>
        )}
      </form>
    </Dialog>
  );
}
