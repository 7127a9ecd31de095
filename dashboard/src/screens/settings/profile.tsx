import { GRANTED, PERMISSIONS } from "../../api/contract";
import { Panel } from "../../components/panel";
import { Badge } from "../../components/status";
import { Table } from "../../components/table";
import { here } from "../../format/time";
import { usePerson } from "../../session/hooks";

export default function Profile() {
  const person = usePerson();
  return (
    <div className="grid gap-3">
      <Panel title="You">
        <dl className="grid grid-cols-[8rem_1fr] gap-y-1 p-3">
          <dt className="text-muted">Name</dt>
          <dd>{person.name}</dd>
          <dt className="text-muted">Tenant</dt>
          <dd>{person.tenant}</dd>
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

function rolesWith(permission: string): string[] {
  return Object.entries(GRANTED).flatMap(([role, granted]) => ((granted as readonly string[]).includes(permission) ? [role] : []));
}
