/** Generated from the gateway's contract by `python -m deploy.page_contract`: not to be changed by hand. */

export const PERMISSIONS = ["runs:read", "workflows:execute", "events:write", "dead-letters:read", "dead-letters:mend", "decisions:read", "requests:read", "analytics:query", "files:read", "files:write", "files:delete", "keys:manage", "users:manage", "tenant:manage", "tenants:manage"] as const;
export const GRANTED = {
  "viewer": [
    "runs:read"
  ],
  "operator": [
    "dead-letters:mend",
    "dead-letters:read",
    "events:write",
    "files:read",
    "files:write",
    "runs:read",
    "workflows:execute"
  ],
  "analyst": [
    "analytics:query",
    "decisions:read",
    "files:read",
    "runs:read"
  ],
  "compliance-officer": [
    "dead-letters:read",
    "decisions:read",
    "requests:read",
    "runs:read"
  ],
  "admin": [
    "analytics:query",
    "dead-letters:mend",
    "dead-letters:read",
    "decisions:read",
    "events:write",
    "files:delete",
    "files:read",
    "files:write",
    "keys:manage",
    "requests:read",
    "runs:read",
    "tenant:manage",
    "users:manage",
    "workflows:execute"
  ],
  "platform-admin": [
    "tenants:manage",
    "users:manage"
  ]
} as const;

export interface Contract {
  "GET /agents/status": { body: undefined; answer: Record<string, unknown> };
  "POST /agents/{type}/trigger": { body: { "input"?: Record<string, string> }; answer: Record<string, unknown> };
  "POST /auth/login": { body: { "tenant": string; "name": string; "password": string; "new_password"?: string | null; "code"?: string | null }; answer: Record<string, unknown> };
  "POST /auth/logout": { body: { "refresh_token"?: string | null }; answer: Record<string, unknown> };
  "GET /auth/oidc/{tenant}/{provider}": { body: undefined; answer: undefined };
  "GET /auth/oidc/{tenant}/{provider}/callback": { body: undefined; answer: Record<string, unknown> };
  "GET /auth/providers/{tenant}": { body: undefined; answer: Record<string, unknown> };
  "POST /auth/refresh": { body: { "refresh_token"?: string | null }; answer: Record<string, unknown> };
  "GET /auth/saml/{tenant}/{provider}": { body: undefined; answer: undefined };
  "POST /auth/saml/{tenant}/{provider}/acs": { body: undefined; answer: Record<string, unknown> };
  "GET /auth/saml/{tenant}/{provider}/metadata": { body: undefined; answer: undefined };
  "DELETE /auth/totp": { body: { "password": string; "code": string }; answer: Record<string, unknown> };
  "POST /auth/totp": { body: { "password": string }; answer: Record<string, unknown> };
  "POST /auth/totp/confirm": { body: { "code": string }; answer: Record<string, unknown> };
  "GET /auth/verify": { body: undefined; answer: Record<string, unknown> };
  "GET /definitions": { body: undefined; answer: Record<string, unknown> };
  "POST /events/{topic}": { body: Record<string, unknown> | (Record<string, unknown>)[]; answer: undefined };
  "GET /files": { body: undefined; answer: undefined };
  "DELETE /files/{name}": { body: undefined; answer: undefined };
  "GET /files/{name}": { body: undefined; answer: undefined };
  "PUT /files/{name}": { body: undefined; answer: undefined };
  "POST /graphql": { body: { "query": string; "variables"?: Record<string, unknown> | null; "operationName"?: string | null }; answer: Record<string, unknown> };
  "GET /health/live": { body: undefined; answer: Record<string, string> };
  "GET /health/ready": { body: undefined; answer: unknown };
  "GET /keys": { body: undefined; answer: Record<string, unknown> };
  "POST /keys": { body: { "scopes": (string)[]; "days"?: number; "title"?: string; "networks"?: (string)[]; "team"?: string; "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "DELETE /keys/{key_id}": { body: { "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "GET /live": { body: undefined; answer: undefined };
  "GET /tenants": { body: undefined; answer: Record<string, unknown> };
  "POST /tenants": { body: { "id": string; "title"?: string; "admin"?: string | null }; answer: Record<string, unknown> };
  "PATCH /tenants/{tenant}": { body: { "status"?: "active" | "suspended" | null; "second_factor"?: "optional" | "required" | null; "title"?: string | null }; answer: Record<string, unknown> };
  "GET /users": { body: undefined; answer: Record<string, unknown> };
  "POST /users": { body: { "name": string; "roles": (string)[]; "title"?: string; "team"?: string; "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "PATCH /users/{name}": { body: { "roles"?: (string)[] | null; "status"?: "active" | "suspended" | null; "title"?: string | null; "team"?: string | null; "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "POST /users/{name}/reset": { body: { "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "DELETE /users/{name}/totp": { body: { "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "GET /workflows": { body: undefined; answer: Record<string, unknown> };
  "POST /workflows/execute": { body: { "workflow": string; "input"?: Record<string, string>; "type"?: string }; answer: Record<string, unknown> };
  "GET /workflows/{id}/logs": { body: undefined; answer: Record<string, unknown> };
  "GET /workflows/{id}/status": { body: undefined; answer: Record<string, unknown> };
}

export type Route = keyof Contract;
export type Body<R extends Route> = Contract[R]["body"];
export type Answer<R extends Route> = Contract[R]["answer"];
