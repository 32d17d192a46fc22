// What a transfer needs of the world around it: a file, the server, the network, the clock. The page hands
// in the browser's, tests their own.

import type { Wire } from "../api";

/** The fields of the API's types that are used here; tests provide only these. */
export type Upload = Pick<Wire["Upload"], "id" | "video_id" | "file_name" | "size" | "fingerprint" | "part_size">;
export type SignedPart = Wire["SignedPart"];
export type HeldPart = Wire["HeldPart"];
/** A video as `POST /videos` takes it. */
export type Draft = Wire["NewVideo"];

export interface FileLike {
  readonly name: string;
  readonly size: number;
  readonly type: string;
  readonly lastModified: number;
  slice(start: number, end: number): Blob;
}

export interface Server {
  /** Asked again with the same key, it makes no second video. */
  createVideo(draft: Draft, key: string): Promise<{ id: string }>;
  createUpload(upload: Wire["NewUpload"]): Promise<Upload>;
  parts(id: string): Promise<HeldPart[]>;
  /** `proxied`: addresses of the site itself, where the bucket's cannot be reached. */
  sign(id: string, numbers: number[], proxied: boolean): Promise<SignedPart[]>;
  complete(id: string): Promise<unknown>;
  cancel(id: string): Promise<unknown>;
  discard(video: string): Promise<unknown>;
}

export interface Deps {
  server: Server;
  /** Sends one part; resolves with the status, 0 where there was no answer. */
  put(
    part: SignedPart,
    body: Blob,
    progress: (sent: number) => void,
    signal: AbortSignal,
  ): Promise<{ status: number; wait: number }>;
  /** SHA-256 as hexadecimal, or null where the browser cannot. */
  digest(blob: Blob): Promise<string | null>;
  /** Ends early when the network comes back. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Resolves at once when there is a network. */
  online(signal: AbortSignal): Promise<void>;
  isOnline(): boolean;
  random(): number;
  /** A key that nobody else has, in hexadecimal digits. */
  newKey(): string;
  now(): number;
}
