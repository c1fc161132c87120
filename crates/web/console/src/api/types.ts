// The shapes of the API, as far as the pages read them. A newer node may say more and leave
// nothing out; what an older one does not say yet is optional here. `null` means unknown.

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export type Role = "viewer" | "operator" | "admin";

export interface Session {
  /** `key:NAME`, `user:NAME`, or `api` where nobody signs in. */
  caller: string;
  role: Role;
  auth: "on" | "off";
}

export interface Key {
  key_id: string;
  name: string;
  role: Role;
  created_at: string;
  created_by: string;
  expires_at: string | null;
  revoked_at: string | null;
}

export interface MadeKey extends Key {
  secret: string;
}

export interface User {
  user_name: string;
  role: Role;
  created_at: string;
  created_by: string;
}

export interface Setting {
  key: string;
  /** As TOML. */
  value: string | null;
  source: string;
  about: string;
}

export interface AuditRow {
  audit_id: number;
  asked_at: string;
  node: string;
  caller: string;
  action: string;
  target: string;
  /** Null: nobody knows how it ended. */
  status: number | null;
  before: unknown;
  after: unknown;
}

export type OwnerState = "active" | "pending" | "blocked" | "deleted";

export interface Summary {
  owners: Partial<Record<OwnerState, number>>;
  sub_owners: number | null;
  dead_letters: number | null;
  outbox_pending: number | null;
  statuses_per_second: number | null;
  lag_events: number | null;
  lag_seconds: number | null;
}

export interface Readiness {
  ready: boolean;
  reasons: string[];
  warnings: string[];
}

/** The parts of a calibration; an absent one means the default, or the owner's part. */
export interface Calibration {
  pointer?: string;
  gain?: number;
  offset?: number;
  /** In place of gain and offset. */
  steps?: Step[];
  unit?: string;
}

export type Step =
  | { linear: { gain?: number; offset?: number } }
  | { polynomial: { coefficients: number[] } }
  | { table: { points: [number, number][]; outside?: "refuse" | "clamp" | "extend" } }
  | { clamp: { min?: number | null; max?: number | null } }
  | { labels: { map: Record<string, number>; otherwise?: number | null } };

export interface Settings extends Calibration {
  sub_owners?: Record<string, Calibration>;
}

export interface Owner {
  owner_id: string;
  state: OwnerState;
  display_name: string | null;
  settings: Settings;
  version: number;
  created_at: string;
  created_by: string;
}

export interface SettingsVersion {
  version: number;
  settings: Settings;
  changed_at: string;
  changed_by: string;
}

/** What other settings would make of stored statuses. */
export interface Preview {
  /** The version that they were merged onto. */
  version: number;
  settings: Settings;
  items: Previewed[];
}

export interface Previewed {
  sub_owner_id: string;
  status_at: string;
  data: unknown;
  /** As it is stored. */
  value: number | null;
  preview: number | null;
  /** Why there is no preview. */
  reason: string | null;
}

export interface SubOwner {
  owner_id: string;
  sub_owner_id: string;
  state: "active" | "deleted";
  display_name: string | null;
  settings: Calibration;
  version: number;
  created_at: string;
  created_by: string;
}

export interface Status {
  partition_id: number;
  sequence_number: number;
  enqueued_at: string;
  status_at: string;
  data: unknown;
  value: number | null;
  version: number;
}

/** A status as the live stream tells it. */
export interface LiveStatus extends Status {
  owner_id: string;
  sub_owner_id: string;
}

export interface Partition {
  stream_id: number;
  partition_id: number;
  node: string | null;
  epoch: number | null;
  expires_at: string | null;
  sequence_number: number | null;
  last_enqueued_sequence_number: number | null;
  lag_events: number | null;
  lag_seconds: number | null;
  last_commit_at: string | null;
  state: string;
  stored: number;
  held: number;
  dead: number;
  gaps: number;
  dropped: Record<string, number>;
  gap_accepted_upto: number | null;
  in_flight_batches: number | null;
  restarts: number | null;
  fault: string | null;
}

export interface Gap {
  stream_id: number;
  partition_id: number;
  after_sequence_number: number;
  upto_sequence_number: number;
  reason: string;
  found_at: string;
}

export interface Shard {
  shard: number;
  node: string;
  depth: number;
  owners: number;
  restarts: number;
}

export interface Node {
  name: string;
  incarnation: string;
  roles: string[];
  version: string;
  api: string | null;
  partitions: number;
  last_seen_at: string;
}

export interface Stream {
  stream_id: number;
  namespace: string;
  event_hub: string;
  consumer_group: string;
  generation: number;
  hub_created_at: string | null;
  current: boolean;
}

export interface Delivery {
  sink: string;
  state: "pending" | "sent" | "parked";
  attempts: number;
  sent_at: string | null;
  last_error: string | null;
}

export interface Sink {
  sink: string;
  /** Whether events go there still. */
  registered: boolean;
  pending: number;
  oldest_pending_at: string | null;
  parked: number;
}

export interface OutboxEvent {
  event_id: string;
  type: string;
  subject: string;
  payload: unknown;
  created_at: string;
  deliveries: Delivery[];
}

/** What became of a wish for many. */
export interface BulkDone {
  matched: number;
  done: number;
  /** How many were left as they are, by why. */
  refused: Record<string, number>;
  dry_run: boolean;
  next_cursor: string | null;
}

/** A pending owner with what is held of it. */
export interface PendingOwner extends Owner {
  held: number;
  partitions: number[];
  sample: { sub_owner_id: string; enqueued_at: string; data: unknown } | null;
}

export interface DeadLetter {
  id: string;
  stream_id: number;
  partition_id: number;
  sequence_number: number;
  enqueued_at: string;
  reason: string;
  detail: string | null;
  state: "open" | "replayed" | "discarded";
  body: string | null;
  body_base64: string;
}
