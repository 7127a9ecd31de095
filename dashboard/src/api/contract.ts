/** Generated from the gateway's contract by `python -m deploy.page_contract`: not to be changed by hand. */

export const PERMISSIONS = ["runs:read", "workflows:execute", "events:write", "dead-letters:read", "dead-letters:mend", "decisions:read", "requests:read", "log:read", "money:read", "analytics:query", "files:read", "files:write", "files:delete", "keys:manage", "users:manage", "tenant:manage", "tenants:manage"] as const;
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
    "log:read",
    "money:read",
    "runs:read"
  ],
  "compliance-officer": [
    "dead-letters:read",
    "decisions:read",
    "log:read",
    "money:read",
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
    "log:read",
    "money:read",
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
  "GET /agents/status": { body: undefined; answer: { "agents": ({ "agent": string; "uses": string; "steps": Record<string, number>; "last_at": string })[]; "as_of": string | null; "correlation_id": string } };
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
  "GET /branding": { body: undefined; answer: { "name": string; "logo": string; "accent": string; "accent_text": string; "accent_dark": string; "accent_dark_text": string; "correlation_id": string } };
  "PUT /branding": { body: { "name"?: string; "logo"?: string; "accent"?: string; "accent_dark"?: string }; answer: { "name": string; "logo": string; "accent": string; "accent_text": string; "accent_dark": string; "accent_dark_text": string; "correlation_id": string } };
  "GET /branding/{tenant}": { body: undefined; answer: { "name": string; "logo": string; "accent": string; "accent_text": string; "accent_dark": string; "accent_dark_text": string; "correlation_id": string } };
  "GET /budgets": { body: undefined; answer: { "pots": ({ "budget": string; "scope": string; "member": string; "period": string; "window": string; "limit_usd_micros": number; "held_usd_micros": number; "billed_usd_micros": number; "percent": number; "level": "downgrade" | "stop" | "unknown" | "warn" | "within" })[]; "holds": ({ "hold_id": string; "amount_usd_micros": number; "run_id": string; "step": string; "call_id": string; "attempt": number; "model": string; "workflow": string; "principal": string; "team": string; "lease_until": string })[]; "open_holds": number; "in_doubt": number; "sequence": number; "correlation_id": string } };
  "GET /dead-letters": { body: undefined; answer: { "dead_letters": ({ "id": string; "at": string; "recorded_at": string; "partition": number; "offset": number; "stage": string; "source_topic": string; "source_partition": number; "source_offset": number; "error": string; "reason": string; "mendable": boolean; "mended": string | null })[]; "next": string | null; "as_of": string | null; "correlation_id": string } };
  "GET /dead-letters/{id}": { body: undefined; answer: { "dead_letter": { "id": string; "at": string; "recorded_at": string; "partition": number; "offset": number; "stage": string; "source_topic": string; "source_partition": number; "source_offset": number; "error": string; "reason": string; "mendable": boolean; "mended": string | null }; "key": string; "bytes": number; "value_base64": string; "text": string | null; "draft": Record<string, unknown> | null; "headers": ({ "name": string; "value": string })[]; "correlation_id": string } };
  "POST /dead-letters/{id}/mend": { body: Record<string, unknown>; answer: { "event_id": string; "position": string; "correlation_id": string } };
  "GET /definitions": { body: undefined; answer: { "definitions": ({ "kind": string; "id": string; "version": number; "digest": string; "title": string; "owner": string; "defined_at": string })[]; "next": string | null; "as_of": string | null; "correlation_id": string } };
  "POST /events/{topic}": { body: Record<string, unknown> | (Record<string, unknown>)[]; answer: undefined };
  "GET /files": { body: undefined; answer: undefined };
  "DELETE /files/{name}": { body: undefined; answer: undefined };
  "GET /files/{name}": { body: undefined; answer: undefined };
  "PUT /files/{name}": { body: undefined; answer: undefined };
  "POST /graphql": { body: { "query": string; "variables"?: Record<string, unknown> | null; "operationName"?: string | null }; answer: Record<string, unknown> };
  "GET /health/live": { body: undefined; answer: Record<string, string> };
  "GET /health/ready": { body: undefined; answer: unknown };
  "POST /hooks/{webhook}": { body: Record<string, unknown> | (Record<string, unknown>)[]; answer: undefined };
  "GET /keys": { body: undefined; answer: Record<string, unknown> };
  "POST /keys": { body: { "scopes": (string)[]; "days"?: number; "title"?: string; "networks"?: (string)[]; "team"?: string; "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "DELETE /keys/{key_id}": { body: { "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "GET /ledger": { body: undefined; answer: { "by": "day" | "model" | "principal" | "team" | "tenant" | "workflow"; "rows": ({ "key": string; "billed_usd_micros": number; "held_usd_micros": number; "entries": number })[]; "billed_usd_micros": number; "held_usd_micros": number; "entries": number; "as_of": string | null; "correlation_id": string } };
  "GET /ledger/entries": { body: undefined; answer: { "entries": ({ "sequence": number; "event_id": string; "causation_id": string; "at": string; "recorded_at": string; "topic": string; "partition": number; "offset": number; "kind": string; "hold_id": string; "run_id": string; "step": string; "call_id": string; "attempt": number; "model": string; "provider": string; "workflow": string; "principal": string; "team": string; "amount_usd_micros": number; "held_usd_micros": number; "billed_usd_micros": number; "in_doubt": boolean; "level": string; "reason": string })[]; "next": string | null; "as_of": string | null; "correlation_id": string } };
  "GET /live": { body: undefined; answer: undefined };
  "GET /me": { body: undefined; answer: { "tenant": string; "tenant_title": string; "principal": string; "name": string; "title": string; "roles": ("admin" | "analyst" | "compliance-officer" | "operator" | "platform-admin" | "viewer")[]; "permissions": ("analytics:query" | "dead-letters:mend" | "dead-letters:read" | "decisions:read" | "events:write" | "files:delete" | "files:read" | "files:write" | "keys:manage" | "log:read" | "money:read" | "requests:read" | "runs:read" | "tenant:manage" | "tenants:manage" | "users:manage" | "workflows:execute")[]; "second_factor": boolean; "second_factor_required": boolean; "correlation_id": string } };
  "GET /prices": { body: undefined; answer: { "prices": ({ "owner": string; "version": number; "known_from": string; "model": string; "valid_from": string; "input_usd_micros_per_million": number; "output_usd_micros_per_million": number; "cached_input_usd_micros_per_million": number | null; "embedding_usd_micros_per_million": number | null; "image_usd_micros": number })[]; "correlation_id": string } };
  "GET /prices/restatements": { body: undefined; answer: { "restatements": ({ "event_id": string; "sequence": number; "at": string; "partition": number; "offset": number; "model": string; "attempts": number; "old_usd_micros": number; "new_usd_micros": number; "delta_usd_micros": number; "reason": string })[]; "totals": ({ "model": string; "restatements": number; "delta_usd_micros": number })[]; "as_of": string | null; "correlation_id": string } };
  "GET /recommendations": { body: undefined; answer: { "recommendations": ({ "kind": "cheaper_model" | "exact_caching" | "shorter_max_tokens"; "tenant_id": string; "workflow": string; "step": string; "task": string; "model": string; "instead"?: string; "calls": number; "saving_usd_micros"?: number; "freed_usd_micros"?: number; "answers"?: number; "met"?: number; "confidence": "high" | "low" | "medium" | "none"; "run_ids"?: (string)[]; "evidence_run_ids"?: (string)[]; "text": string })[]; "records": number; "whole": boolean; "correlation_id": string } };
  "GET /records/{topic}/{partition}/{offset}": { body: undefined; answer: { "record": { "topic": string; "partition": number; "offset": number; "recorded_at": string; "key": string; "schema_id": number; "schema_version": number | null; "bytes": number; "headers": ({ "name": string; "value": string })[]; "event_id": string; "correlation_id": string; "causation_id": string | null; "occurred_at": string; "value": Record<string, unknown> | null; "withheld": string }; "cause": { "topic": string; "partition": number; "offset": number; "event_id": string; "at": string; "recorded_at": string; "run_id": string; "what": string; "status": string } | null; "consequences": ({ "topic": string; "partition": number; "offset": number; "event_id": string; "at": string; "recorded_at": string; "run_id": string; "what": string; "status": string })[]; "more": boolean; "correlation_id": string } };
  "GET /tenants": { body: undefined; answer: Record<string, unknown> };
  "POST /tenants": { body: { "id": string; "title"?: string; "admin"?: string | null }; answer: Record<string, unknown> };
  "PATCH /tenants/{tenant}": { body: { "status"?: "active" | "suspended" | null; "second_factor"?: "optional" | "required" | null; "title"?: string | null }; answer: Record<string, unknown> };
  "GET /topics": { body: undefined; answer: { "topics": ({ "name": string; "key": string; "owner": string; "open": boolean; "schema_versions": number; "partitions": ({ "partition": number; "begin": number; "end": number })[] })[]; "correlation_id": string } };
  "GET /topics/{topic}/records": { body: undefined; answer: { "topic": string; "order": "newest" | "oldest"; "records": ({ "topic": string; "partition": number; "offset": number; "recorded_at": string; "key": string; "schema_id": number; "schema_version": number | null; "bytes": number; "headers": ({ "name": string; "value": string })[]; "event_id": string; "correlation_id": string; "causation_id": string | null; "occurred_at": string; "value": Record<string, unknown> | null; "withheld": string })[]; "next": string | null; "scanned": number; "scan_max": number; "correlation_id": string } };
  "GET /topics/{topic}/schema": { body: undefined; answer: { "topic": string; "subject": string; "written": number | null; "versions": ({ "version": number; "id": number; "schema": string })[]; "correlation_id": string } };
  "GET /users": { body: undefined; answer: Record<string, unknown> };
  "POST /users": { body: { "name": string; "roles": (string)[]; "title"?: string; "team"?: string; "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "PATCH /users/{name}": { body: { "roles"?: (string)[] | null; "status"?: "active" | "suspended" | null; "title"?: string | null; "team"?: string | null; "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "POST /users/{name}/reset": { body: { "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "DELETE /users/{name}/totp": { body: { "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "GET /webhooks": { body: undefined; answer: Record<string, unknown> };
  "POST /webhooks": { body: { "topic": string; "title"?: string; "networks"?: (string)[]; "team"?: string; "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "DELETE /webhooks/{webhook}": { body: { "tenant_id"?: string | null }; answer: Record<string, unknown> };
  "GET /workflows": { body: undefined; answer: { "runs": ({ "run_id": string; "workflow": string; "version": number; "status": string; "reason": string; "began_at": string | null; "ended_at": string | null; "source": string; "subject": string; "correlation_id": string; "steps": Record<string, number>; "cost_usd_micros": number })[]; "next": string | null; "as_of": string | null; "correlation_id": string } };
  "POST /workflows/execute": { body: { "workflow": string; "input"?: Record<string, string>; "type"?: string }; answer: Record<string, unknown> };
  "GET /workflows/{id}": { body: undefined; answer: { "run": { "run_id": string; "workflow": string; "version": number; "status": string; "reason": string; "began_at": string | null; "ended_at": string | null; "source": string; "subject": string; "correlation_id": string; "steps": Record<string, number>; "cost_usd_micros": number }; "timeline": ({ "at": string; "recorded_at": string; "topic": string; "event_id": string; "causation_id": string; "partition": number; "offset": number; "step": string; "attempt": number; "what": string; "status": string; "reason": string })[]; "steps": ({ "step": string; "attempt": number; "agent": string; "uses": string; "status": string; "reason": string; "began_at": string | null; "ended_at": string | null; "decisions": ({ "event_id": string; "topic": string; "partition": number; "offset": number; "at": string; "step": string; "attempt": number; "phase": string; "outcome": string; "rules": string; "rules_version": number; "restriction": string; "findings": ({ "rule": string; "severity": string; "action": string; "path": string; "evidence": string })[] })[]; "calls": ({ "call_id": string; "step": string; "step_attempt": number; "status": string; "reason": string; "model": string; "provider": string; "task": string; "input_tokens": number; "output_tokens": number; "cost_usd_micros": number; "saved_usd_micros": number; "latency_ms": number; "degraded": boolean; "cached": string; "cached_from": string; "finish": string; "routings": ({ "event_id": string; "topic": string; "partition": number; "offset": number; "at": string; "model": string; "route": string; "constraints": ({ "name": string; "value": string })[]; "ranking": ({ "model": string; "provider": string; "standing": string; "reason": string; "score": number; "scores": Record<string, number>; "cost_usd_micros_max": number; "latency_ms": number; "attempts": number; "failures": number })[] })[]; "attempts": ({ "attempt": number; "model": string; "provider": string; "status": string; "reason": string; "hold_id": string; "input_tokens": number; "output_tokens": number; "cost_usd_micros": number; "latency_ms": number; "events": ({ "event_id": string; "topic": string; "partition": number; "offset": number; "at": string; "status": string; "level": string; "reason": string })[] })[]; "concealed": ({ "kind": string; "count": number })[]; "sanitised": ({ "kind": string; "count": number })[] })[] })[]; "budget_entries": ({ "sequence": number; "event_id": string; "causation_id": string; "at": string; "recorded_at": string; "topic": string; "partition": number; "offset": number; "kind": string; "hold_id": string; "run_id": string; "step": string; "call_id": string; "attempt": number; "model": string; "provider": string; "workflow": string; "principal": string; "team": string; "amount_usd_micros": number; "held_usd_micros": number; "billed_usd_micros": number; "in_doubt": boolean; "level": string; "reason": string })[]; "cut": boolean; "as_of": string | null; "correlation_id": string } };
  "GET /workflows/{id}/logs": { body: undefined; answer: { "run_id": string; "events": ({ "at": string; "recorded_at": string; "topic": string; "event_id": string; "causation_id": string; "partition": number; "offset": number; "step": string; "attempt": number; "what": string; "status": string; "reason": string })[]; "next": string | null; "as_of": string | null; "correlation_id": string } };
  "POST /workflows/{id}/replay": { body: undefined; answer: { "run_id": string; "decisions": number; "same": number; "different": ({ "topic": string; "partition": number; "offset": number; "recorded_at": string; "field": string; "recorded": string; "decided": string })[]; "differences": number; "other_version": number; "pending": number; "correlation_id": string } };
  "GET /workflows/{id}/status": { body: undefined; answer: { "run": { "run_id": string; "workflow": string; "version": number; "status": string; "reason": string; "began_at": string | null; "ended_at": string | null; "source": string; "subject": string; "correlation_id": string; "steps": Record<string, number>; "cost_usd_micros": number }; "steps": ({ "step": string; "attempt": number; "agent": string; "uses": string; "status": string; "reason": string; "began_at": string | null; "ended_at": string | null })[]; "as_of": string | null; "correlation_id": string } };
}

export type Route = keyof Contract;
export type Body<R extends Route> = Contract[R]["body"];
export type Answer<R extends Route> = Contract[R]["answer"];
