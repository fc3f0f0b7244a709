// The frames of the wire protocol, version 1: the same JSON over the notebook's comm and over a WebSocket.
import type { ColumnType, LIMITS, Rows, TableName } from "../store/tables.ts";

export interface Since {
  readonly epoch: string;
  readonly seq: number;
}

export interface Hello {
  readonly type: "hello";
  readonly protocol: number;
  readonly token?: string;
  readonly since: Since | null;
  readonly tables: readonly TableName[] | null;
  readonly limit: typeof LIMITS;
}

export interface Ping {
  readonly type: "ping";
  readonly at: number;
}

/** A request; `rid` is in the reply. */
export interface Call {
  readonly type: "call";
  readonly rid: number;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export type UpFrame = Hello | Ping | Pong | Call | ViewState;

export interface SourceState {
  readonly name: string;
  readonly path: string;
  readonly files: number | null;
  readonly bytes: number | null;
  /** How much of them has been read. */
  readonly read?: number | null;
  readonly state: string | null;
  /** When the reader last finished a round over it, ms since the epoch; null in its first pass. */
  readonly checked_at?: number | null;
  /** How many files are not read because there are too many. */
  readonly left_out?: number;
  /** Why changes are seen late, and what helps, if that is so. */
  readonly degraded?: string | null;
  /** What the ids of its rows begin with. */
  readonly prefix?: string;
  /** The methods that change something there; none where it is left out. */
  readonly writes?: readonly string[];
  /** Whether there is a command that goes on with its sessions. */
  readonly resumes?: boolean;
  /** Whether its sessions have a transcript; true where it is left out. */
  readonly transcripts?: boolean;
}

/** A host that the server follows. */
export interface HostState {
  readonly name: string;
  /** connecting, live, behind, gone, refused, or left: it is not followed any more. */
  readonly state: string;
  /** When that began, ms; of a host that is gone, when it was last heard of. */
  readonly since?: number | null;
  readonly message?: string | null;
  readonly url?: string;
  /** The host by way of which its files are read, if both read one home. */
  readonly shared?: string | null;
}

export type Counts = { readonly [T in TableName]?: number };

export interface Welcome {
  readonly type: "welcome";
  readonly protocol: number;
  readonly server: string;
  readonly epoch: string;
  readonly seq: number;
  readonly now: number;
  readonly sources: readonly SourceState[];
  readonly schema: Readonly<Record<string, Readonly<Record<string, ColumnType>>>>;
  /** How many rows each table has in all. */
  readonly rows?: Counts;
  readonly hosts?: readonly HostState[];
}

/** How far each root is read and what is wrong there; comes when that has changed. */
export interface Sources {
  readonly type: "sources";
  readonly sources: readonly SourceState[];
  readonly hosts?: readonly HostState[];
}

/** One part of an answer to "what has changed since N?". */
export interface Changes {
  readonly type: "changes";
  readonly epoch: string;
  readonly since: number;
  readonly seq: number;
  readonly reset: boolean;
  readonly rows: { readonly [T in TableName]?: readonly Rows[T][] };
  readonly gone: { readonly [T in TableName]?: readonly string[] };
  readonly more: boolean;
  /** How many rows there are in all, of tables in which something changed; in the first frame of an answer. */
  readonly counts?: Counts;
  /** Which frame of its answer this is, from 0: one that was dropped on the way is a gap. */
  readonly part: number;
}

export interface Pong {
  readonly type: "pong";
  readonly at: number;
  readonly now: number;
}

export interface ProtocolError {
  readonly type: "error";
  readonly code: string;
  readonly message: string;
}

export interface Reply {
  readonly type: "reply";
  readonly rid: number;
  readonly ok: boolean;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Comm only. Up: what the person looks at. Down: what Python wants shown; what is left out stays as it is. */
export interface ViewState {
  readonly type: "view";
  readonly tab?: string;
  readonly search?: string;
  readonly filter?: Readonly<Record<string, readonly string[]>>;
  readonly selected?: { readonly table: string; readonly id: string } | null;
  /** The moment that is shown, ms; null: the present. */
  readonly at?: number | null;
}

/** Comm only: the state of the kernel's own connection to the watcher server. */
export interface KernelState {
  readonly type: "state";
  readonly connection: "live" | "behind" | "connecting" | "reconnecting" | "stopped";
  readonly message: string | null;
  readonly rtt_ms: number | null;
  /** Milliseconds since the last frame of the watcher server to the kernel. */
  readonly heard_ms: number | null;
}

/** One condition that Python watches for. */
export interface Alert {
  readonly name: string;
  readonly state: "ok" | "pending" | "firing" | "error";
  /** When that began, ms. */
  readonly since: number;
  readonly text: string | null;
}

/** Comm only, down: all of them. */
export interface Alerts {
  readonly type: "alerts";
  readonly alerts: readonly Alert[];
}

export type DownFrame =
  | Welcome
  | Sources
  | Changes
  | Ping
  | Pong
  | Reply
  | ProtocolError
  | KernelState
  | ViewState
  | Alerts;

/** The frame in a text, or null for anything that is not one (a later version may send types unknown here). */
export function parseFrame(text: string): DownFrame | null {
  try {
    const frame: unknown = JSON.parse(text);
    return typeof frame === "object" && frame !== null && "type" in frame ? (frame as DownFrame) : null;
  } catch {
    return null;
  }
}
