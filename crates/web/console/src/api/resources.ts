// Every resource that the pages read or change, each by name.

import { send, segment, url, type Answer, type Query } from "./client";
import { Problem } from "./problem";
import type * as shape from "./types";

const API = "/api/v1";

type Signal = AbortSignal | undefined;

async function read<T>(path: string, signal: Signal, query?: Query): Promise<T> {
  return (await send<T>(`${API}${path}`, { query, signal })).body;
}

async function list<T>(path: string, signal: Signal, query?: Query): Promise<shape.Page<T>> {
  return read<shape.Page<T>>(path, signal, query);
}

export const summary = (signal?: Signal) => read<shape.Summary>("/summary", signal);

/** A node that is not ready answers 503 with the reasons: for this page that is an answer. */
export async function readiness(signal?: Signal): Promise<shape.Readiness> {
  try {
    const { body } = await send<{ warnings?: string[] }>("/readyz", { signal, aside: true });
    return { ready: true, reasons: [], warnings: body.warnings ?? [] };
  } catch (fault) {
    if (!(fault instanceof Problem) || fault.reasons.length === 0) throw fault;
    return { ready: false, reasons: fault.reasons, warnings: [] };
  }
}

export const owners = (query: Query, signal?: Signal) => list<shape.Owner>("/owners", signal, query);

export const owner = (id: string, signal?: Signal) =>
  read<shape.Owner>(`/owners/${segment(id)}`, signal);

export const createOwner = (body: { owner_id: string; display_name?: string }): Promise<Answer<shape.Owner>> =>
  send<shape.Owner>(`${API}/owners`, { method: "POST", body });

/** `patch` is a JSON merge patch: null resets a part. */
export async function changeOwner(id: string, version: number, patch: object): Promise<shape.Owner> {
  const wish = { method: "PATCH", body: patch, version } as const;
  return (await send<shape.Owner>(`${API}/owners/${segment(id)}`, wish)).body;
}

/** Writes nothing. `settings` is a merge patch. */
export const previewSettings = async (id: string, body: shape.Proposal, signal?: Signal): Promise<shape.Preview> =>
  (await send<shape.Preview>(`${API}/owners/${segment(id)}/settings:preview`, { method: "POST", body, signal })).body;

export type Decision = "approve" | "block" | "restore" | "delete";

/** A decision is made about the version that was seen. */
export async function decide(id: string, version: number, decision: Decision): Promise<shape.Owner> {
  const path = `${API}/owners/${segment(id)}`;
  const answer = decision === "delete"
    ? await send<shape.Owner>(path, { method: "DELETE", version })
    : await send<shape.Owner>(`${path}/${decision}`, { method: "POST", version });
  return answer.body;
}

export const approvals = (query: Query, signal?: Signal) => list<shape.PendingOwner>("/approvals", signal, query);

export type OwnerWish = Decision;

export interface OwnerFilter {
  q?: string;
  state?: shape.OwnerState;
}

/** Works for a few seconds and tells where it stopped. */
export const bulkOwners = async (body: { action: OwnerWish; filter: OwnerFilter; dry_run: boolean; cursor?: string }): Promise<shape.BulkDone> =>
  (await send<shape.BulkDone>(`${API}/owners:bulk`, { method: "POST", body })).body;

export const subOwners = (id: string, query: Query, signal?: Signal) =>
  list<shape.SubOwner>(`/owners/${segment(id)}/sub-owners`, signal, query);

export const statuses = (id: string, sub: string, query: Query, signal?: Signal) =>
  list<shape.Status>(`/owners/${segment(id)}/sub-owners/${segment(sub)}/statuses`, signal, query);

export const settingsHistory = (id: string, query: Query, signal?: Signal) =>
  list<shape.SettingsVersion>(`/owners/${segment(id)}/settings/history`, signal, query);

/** Status times, RFC 3339; without a beginning from the first status on. */
export interface RecalibrationRange {
  sub_owner_id?: string;
  from?: string;
  to?: string;
}

export type RecalibrationWish = "pause" | "resume" | "cancel";

export const recalibrations = (query: Query, signal?: Signal) =>
  list<shape.Recalibration>("/recalibrations", signal, query);

export const countToRecalibrate = async (id: string, range: RecalibrationRange): Promise<number> => {
  const body = { ...range, dry_run: true };
  return (await send<{ statuses: number }>(`${API}/owners/${segment(id)}/recalibrations`, { method: "POST", body })).body.statuses;
};

export const recalibrate = (id: string, range: RecalibrationRange) =>
  send(`${API}/owners/${segment(id)}/recalibrations`, { method: "POST", body: range });

export const steerRecalibration = (job: string, wish: RecalibrationWish) =>
  send(`${API}/recalibrations/${segment(job)}/${wish}`, { method: "POST" });

export const partitions = (signal?: Signal) => list<shape.Partition>("/partitions", signal);

export const streams = (signal?: Signal) => list<shape.Stream>("/streams", signal);

export const gaps = (query: Query, signal?: Signal) => list<shape.Gap>("/gaps", signal, query);

export const acceptGap = (partition: number, upto: number) =>
  send(`${API}/partitions/${partition}/accept-gap`, {
    method: "POST",
    body: { upto_sequence_number: upto },
  });

export const nodes = (signal?: Signal) => list<shape.Node>("/nodes", signal);

export const shards = (signal?: Signal) => list<shape.Shard>("/shards", signal);

export const events = (query: Query, signal?: Signal) => list<shape.OutboxEvent>("/events", signal, query);

export const sinks = (signal?: Signal) => list<shape.Sink>("/sinks", signal);

export const resend = (event: string, sink: string) =>
  send(url(`${API}/events/${segment(event)}/resend`, { sink }), { method: "POST" });

/** How many deliveries are due again, or would be. */
export async function resendParked(sink: string, dryRun: boolean): Promise<number> {
  const body = { action: "resend_parked", sink, dry_run: dryRun };
  return (await send<{ deliveries: number }>(`${API}/events:bulk`, { method: "POST", body })).body.deliveries;
}

export const deadLetters = (query: Query, signal?: Signal) =>
  list<shape.DeadLetter>("/dead-letters", signal, query);

/** Without a body, its own is tried again. */
export const replayLetter = (id: string, mended?: string): Promise<unknown> =>
  send(`${API}/dead-letters/${segment(id)}/replay`, { method: "POST", ...(mended !== undefined && { body: { body: mended } }) });

export const discardLetter = (id: string): Promise<unknown> =>
  send(`${API}/dead-letters/${segment(id)}/discard`, { method: "POST" });

export type LetterWish = "replay" | "discard";

export const bulkLetters = async (body: { action: LetterWish; reason?: string; dry_run: boolean; cursor?: string }): Promise<shape.BulkDone> =>
  (await send<shape.BulkDone>(`${API}/dead-letters:bulk`, { method: "POST", body })).body;

export const session = (): Promise<shape.Session> => read<shape.Session>("/session", undefined);

export const signIn = async (user_name: string, password: string): Promise<shape.Session> =>
  (await send<shape.Session>(`${API}/session`, { method: "POST", body: { user_name, password }, aside: true })).body;

export const signOut = (): Promise<unknown> => send(`${API}/session`, { method: "DELETE" });

export const keys = (signal?: Signal) => list<shape.Key>("/keys", signal);

export const createKey = async (body: { name: string; role: shape.Role; expires_in_seconds?: number }): Promise<shape.MadeKey> =>
  (await send<shape.MadeKey>(`${API}/keys`, { method: "POST", body })).body;

export const revokeKey = (id: string): Promise<unknown> =>
  send(`${API}/keys/${segment(id)}/revoke`, { method: "POST" });

export const users = (signal?: Signal) => list<shape.User>("/users", signal);

export const createUser = (body: { user_name: string; role: shape.Role; password: string }): Promise<unknown> =>
  send(`${API}/users`, { method: "POST", body });

export const deleteUser = (name: string): Promise<unknown> =>
  send(`${API}/users/${segment(name)}`, { method: "DELETE" });

export const audit = (query: Query, signal?: Signal) => list<shape.AuditRow>("/audit", signal, query);

export const settings = (signal?: Signal) => list<shape.Setting>("/settings", signal);
