import { GRANTED, PERMISSIONS } from "../../api/contract";
import { Panel } from "../../components/panel";
import { Badge } from "../../components/status";
import { Table } from "../../components/table";
import { here } from "../../format/time";
import { Link } from "../../router";
import { usePerson } from "../../session/hooks";
import { useMe } from "../../session/me";

export default function Profile() {
  const person = usePerson();
  const me = useMe().data;
  return (
    <div className="grid gap-3">
      <Panel title="You">
        <dl className="grid grid-cols-[8rem_1fr] gap-y-1 p-3">
          <dt className="text-muted">Name</dt>
          <dd className="break-words">{[person.name, me?.title].filter(Boolean).join(", ")}</dd>
          <dt className="text-muted">Tenant</dt>
          <dd className="break-words">{[person.tenant, me?.tenant_title].filter(Boolean).join(", ")}</dd>
          <dt className="text-muted">Roles</dt>
          <dd className="min-h-5">{me && (me.roles.join(", ") || "none")}</dd>
          <dt className="text-muted">Second factor</dt>
          <dd className="min-h-6">{me && <SecondFactor has={me.second_factor} required={me.second_factor_required} />}</dd>
          <dt className="text-muted">Times are in</dt>
          <dd>{here()}</dd>
          <dt className="text-muted">Password</dt>
          <dd>An admin gives you a new one for one log-in; you choose your own when you sign in with it.</dd>
        </dl>
      </Panel>
      <Panel title="What you may do">
        <Table
          label="Permissions, and the roles that have them"
          rows={PERMISSIONS}
          rowKey={(each) => each}
          max="none"
          columns={[
            { head: "Permission", cell: (each) => <code className="font-mono">{each}</code> },
            { head: "You", width: "6rem", cell: (each) => (person.permissions.has(each) ? <Badge tone="ok">yes</Badge> : <Badge>no</Badge>) },
            { head: "Roles that have it", wide: true, cell: (each) => rolesWith(each).join(", ") },
          ]}
        />
      </Panel>
    </div>
  );
}

function SecondFactor({ has, required }: { has: boolean; required: boolean }) {
  if (has) return <Badge tone="ok">enrolled</Badge>;
  return (
    <>
      <Badge tone={required ? "bad" : "warn"}>{required ? "none, though your tenant asks for one" : "none"}</Badge> <Link to="/app/settings?part=factor">Set it up</Link>
    </>
  );
}

function rolesWith(permission: string): string[] {
  return Object.entries(GRANTED).flatMap(([role, granted]) => ((granted as readonly string[]).includes(permission) ? [role] : []));
}
