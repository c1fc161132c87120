// The shapes of the API by the names that the pages use. They are the document's own (`schema.d.ts`,
// made from `openapi.json`), but for what the document does not tell. `null` means unknown.

import type { components } from "./schema";

type Shape = components["schemas"];

/** One page of a list; each has its own shape in the document. */
export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export type Role = Shape["Role"];
export type Session = Shape["Session"];
export type Key = Shape["KeyRow"];
export type MadeKey = Shape["MadeKey"];
export type User = Shape["UserRow"];
export type Setting = Shape["Setting"];
export type AuditRow = Shape["AuditRow"];

export type OwnerState = Shape["OwnerState"];
export type Owner = Shape["Owner"];
/** A pending owner with what is held of it. */
export type PendingOwner = Shape["PendingOwner"];
export type SubOwner = Shape["SubOwner"];

/** The parts of a calibration; an absent one means the default, or the owner's part. */
export type Calibration = Shape["CalibrationOverride"];
export type Step = Shape["Step"];
export type Settings = Shape["Settings"];
export type SettingsVersion = Shape["SettingsVersion"];
export type Proposal = Shape["Proposal"];
/** What other settings would make of stored statuses. */
export type Preview = Shape["Preview"];

export type Recalibration = Shape["RecalibrationRow"];

export type Status = Shape["StatusRow"];
/** A status as the live stream tells it. */
export type LiveStatus = Omit<Status, "stream_id">;

export type Summary = Shape["Summary"];
export type Partition = Shape["Partition"];
export type Gap = Shape["GapRow"];
export type Shard = Shape["Shard"];
export type Node = Shape["NodeRow"];
export type Stream = Omit<Shape["StreamWithPartitions"], "partitions">;

/** `/readyz`, whichever way it is answered. */
export interface Readiness {
  ready: boolean;
  reasons: string[];
  warnings: string[];
}

export type Delivery = Shape["DeliveryRow"];
export type Sink = Shape["SinkStanding"];
export type OutboxEvent = Shape["OutboxRow"];
export type DeadLetter = Shape["DeadLetter"];
/** One wrong field of what was sent. */
export type FieldFault = Shape["FieldFault"];
/** What became of a wish for many. */
export type BulkDone = Shape["BulkDone"];
