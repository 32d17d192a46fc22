// One file on its way: draft, upload, parts in parallel, complete. The server is the truth about
// what it holds; this only sends what is missing. Touches no DOM: everything of the browser is
// handed in, so that tests can be the server, the network and the clock.

import { ApiError, type Wire } from "./api";

export type Phase =
  | "waiting"
  | "checking"
  | "sending"
  | "paused"
  | "offline"
  | "finishing"
  | "done"
  | "failed"
  | "cancelled";

/** Of the wire's types what is read here; tests answer no more. */
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

/** The beginning of a text, at most so many characters, and none cut in two. */
export function cut(text: string, most: number): string {
  const whole =
    "Segmenter" in Intl ? Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment) : [...text];
  let kept = "";
  let count = 0;
  for (const piece of whole) {
    count += [...piece].length;
    if (count > most) break;
    kept += piece;
  }
  return kept;
}

/** How the same file is known again: at most 128 characters. */
export function fingerprint(file: FileLike): string {
  return cut(`${file.size}-${file.lastModified}-${file.name}`, 128);
}

/**
 * Parts in flight, over all files, in the order they asked: one at a time on a slow line, so that
 * it ends soon and counts; more while parts go through quickly.
 */
export class Slots {
  readonly #most: number;
  readonly #queue: (() => void)[] = [];
  #width = 1;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async take(): Promise<() => void> {
    if (this.#taken < this.#width) this.#taken += 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#taken -= 1;
      this.#admit();
    };
  }

  /** How long a part took; infinite where it failed. */
  measured(ms: number): void {
    if (ms < QUICK) this.#width = Math.min(this.#most, this.#width + 1);
    else if (ms > SLOW) this.#width = 1;
    this.#admit();
  }

  #admit(): void {
    while (this.#taken < this.#width) {
      const next = this.#queue.shift();
      if (!next) return;
      this.#taken += 1;
      next();
    }
  }
}

class Stop extends Error {}

const readable = (body: Blob): Promise<boolean> =>
  body
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    );

const TRIES = 9;
const PARALLEL = 4;
const SIGN_AHEAD = 8;
/** A part that took less lets one more fly with it; one that took longer flies alone. Milliseconds. */
const QUICK = 2000;
const SLOW = 6000;
const MIB = 1024 * 1024;

/**
 * The part size that the page would like: what a reload or a broken line costs stays below a
 * two-hundredth of a large file. A small file goes whole.
 */
function wantedPart(size: number): number | undefined {
  return size > 8 * MIB ? Math.max(MIB, Math.ceil(size / 256)) : undefined;
}
const WINDOW = 6000;
/** After so many the parts go through the site. */
const STRAYS = 3;

export interface Start {
  draft: Draft;
  videoId?: string;
  upload?: Upload;
}

export class Transfer {
  phase: Phase = "waiting";
  videoId: string | null;
  upload: Upload | null;
  /** A text's key. */
  failure = "";
  /** The server's refusal, where there was one: it says more. */
  refused: ApiError | null = null;
  readonly file: FileLike;
  readonly #deps: Deps;
  readonly #slots: Slots;
  readonly #start: Start;
  readonly #changed: () => void;
  readonly #held = new Map<number, number>();
  readonly #flying = new Map<number, number>();
  readonly #signed = new Map<number, SignedPart>();
  #signing: Promise<void> | null = null;
  #making: Promise<{ id: string }> | null = null;
  #stop = new AbortController();
  #samples: [number, number][] = [];
  #verified = false;
  #retryAt = 0;
  /** Parts in a row that the bucket itself did not take. */
  #strays = 0;

  constructor(file: FileLike, start: Start, deps: Deps, slots: Slots, changed: () => void) {
    this.file = file;
    this.#start = start;
    this.#deps = deps;
    this.#slots = slots;
    this.#changed = changed;
    this.videoId = start.upload?.video_id ?? start.videoId ?? null;
    this.upload = start.upload ?? null;
  }

  get active(): boolean {
    return (
      this.phase === "checking" || this.phase === "sending" || this.phase === "offline" || this.phase === "finishing"
    );
  }

  /** Bytes that survive a pause or a reload: those of whole parts. Of a file of one part, those on their way. */
  get sent(): number {
    if (this.#count() === 1) return this.#moved();
    let sum = 0;
    for (const size of this.#held.values()) sum += size;
    return Math.min(sum, this.file.size);
  }

  /** Bytes held by the server and in flight. */
  #moved(): number {
    let sum = 0;
    for (const size of [...this.#held.values(), ...this.#flying.values()]) sum += size;
    return Math.min(sum, this.file.size);
  }

  #count(): number {
    return Math.ceil(this.file.size / (this.upload?.part_size ?? this.file.size));
  }

  /** Bytes per second over the last seconds; falls by itself where nothing moves. 0 while unknown. */
  get speed(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    const now = this.#deps.now();
    if (!first || !last || last[0] - first[0] < 500 || now - last[0] > WINDOW) return 0;
    return Math.max(0, ((last[1] - first[1]) * 1000) / (now - first[0]));
  }

  /** Milliseconds until the next try, where the site does not answer; 0 where it does. */
  get wait(): number {
    return Math.max(0, this.#retryAt - this.#deps.now());
  }

  /** Runs to an end: done, paused, failed or cancelled. Never throws. */
  async run(): Promise<void> {
    if (this.active || this.phase === "done" || this.phase === "cancelled") return;
    const stop = new AbortController();
    const { signal } = stop;
    this.#stop = stop;
    this.#samples = [];
    this.failure = "";
    this.refused = null;
    try {
      this.#to("checking");
      await this.#open(signal);
      for (let round = 0; ; round += 1) {
        this.#to("sending");
        await this.#sendAll(stop);
        this.#to("finishing");
        if (await this.#finish(signal, round)) break;
      }
      this.#to("done");
    } catch (error) {
      // A pause or cancel has set its phase already.
      if (!signal.aborted) this.#halt(stop, error);
    }
  }

  pause(): void {
    if (!this.active && this.phase !== "waiting") return;
    this.#stop.abort();
    this.#flying.clear();
    this.#retryAt = 0;
    this.#to("paused");
  }

  /** Gives the upload up, and the draft that was made for it. */
  async cancel(): Promise<void> {
    if (this.phase === "done") return;
    this.#stop.abort();
    this.#flying.clear();
    this.#to("cancelled");
    try {
      if (this.#making !== null) await this.video();
      if (this.upload) await this.#deps.server.cancel(this.upload.id);
      if (this.videoId && !this.#start.videoId && !this.#start.upload) await this.#deps.server.discard(this.videoId);
    } catch {
      // The server gives up by itself what nobody goes on with.
    }
  }

  /** The video that the file belongs to: made when it is first asked for. */
  async video(): Promise<string> {
    if (this.videoId) return this.videoId;
    // Not ended by a pause: a video that was made must be known.
    const { signal } = new AbortController();
    const key = this.#deps.newKey();
    this.#making ??= this.#patiently(signal, () => this.#deps.server.createVideo(this.#start.draft, key));
    try {
      const { id } = await this.#making;
      if (!this.videoId) {
        this.videoId = id;
        this.#changed();
      }
      return id;
    } finally {
      this.#making = null;
    }
  }

  #to(phase: Phase): void {
    if (this.phase === "cancelled") return;
    this.phase = phase;
    this.#changed();
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { server } = this.#deps;
    const videoId = await this.video();
    if (signal.aborted) throw new Stop("");
    const wanted = wantedPart(this.file.size);
    if (!this.upload) {
      this.upload = await this.#patiently(signal, () =>
        server.createUpload({
          video_id: videoId,
          file_name: this.file.name,
          size: this.file.size,
          content_type: this.file.type,
          fingerprint: fingerprint(this.file),
          ...(wanted ? { part_size: wanted } : {}),
        }),
      );
    }
    if (this.upload.size !== this.file.size) throw new Stop("upload-other-file");
    const held = await this.#list(signal);
    await this.#verify(held);
  }

  async #list(signal: AbortSignal): Promise<HeldPart[]> {
    const id = this.#id();
    const held = await this.#patiently(signal, () => this.#deps.server.parts(id));
    this.#held.clear();
    for (const part of held) this.#held.set(part.number, part.size);
    return held;
  }

  /** Another file of the same size would make a broken video: compare what is held. */
  async #verify(held: HeldPart[]): Promise<void> {
    const known = held.find((part) => part.sha256);
    if (this.#verified || !known) return;
    const body = this.#body(known.number);
    if (!(await readable(body))) throw new Stop("upload-changed");
    const digest = await this.#deps.digest(body);
    if (digest !== null && digest !== known.sha256) throw new Stop("upload-other-file");
    this.#verified = true;
  }

  #id(): string {
    if (!this.upload) throw new Stop("upload-failed");
    return this.upload.id;
  }

  #body(number: number): Blob {
    const size = this.upload?.part_size ?? this.file.size;
    return this.file.slice((number - 1) * size, Math.min(number * size, this.file.size));
  }

  async #sendAll(stop: AbortController): Promise<void> {
    const { signal } = stop;
    const count = this.#count();
    const missing: number[] = [];
    for (let number = 1; number <= count; number += 1) if (!this.#held.has(number)) missing.push(number);
    const worker = async () => {
      for (;;) {
        const give = await this.#slots.take();
        try {
          if (signal.aborted) throw new Stop("");
          const number = missing.shift();
          if (number === undefined) return;
          await this.#sendPart(number, missing, signal);
        } finally {
          give();
        }
      }
    };
    const workers = Array.from({ length: Math.min(PARALLEL, missing.length) }, worker);
    try {
      await Promise.all(workers);
    } catch (error) {
      if (!signal.aborted) this.#halt(stop, error);
      await Promise.allSettled(workers);
      throw error;
    }
  }

  /** One part failed for good: the others need not go on. */
  #halt(stop: AbortController, error: unknown): void {
    stop.abort();
    this.#flying.clear();
    const status = error instanceof ApiError ? error.status : 0;
    this.refused = error instanceof ApiError && status > 0 && status !== 401 ? error : null;
    this.failure = error instanceof Stop ? error.message : status === 401 ? "upload-signed-out" : "upload-failed";
    this.#to("failed");
  }

  async #sendPart(number: number, ahead: number[], signal: AbortSignal): Promise<void> {
    const body = this.#body(number);
    let refused = 0;
    for (let attempt = 0; ; attempt += 1) {
      const part = await this.#ticket(number, ahead, signal);
      this.#flying.set(number, 0);
      const began = this.#deps.now();
      const { status, wait } = await this.#deps.put(part, body, (sent) => this.#progress(number, sent), signal);
      this.#flying.delete(number);
      if (signal.aborted) throw new Stop("");
      const direct = !part.url.startsWith("/");
      // Kodo's 579: the object stands, only telling the site of it failed.
      if ((status >= 200 && status < 300) || status === 579) {
        if (direct) this.#strays = 0;
        this.#slots.measured(this.#deps.now() - began);
        this.#retryAt = 0;
        this.#held.set(number, body.size);
        this.#progress(number, 0);
        this.#flying.delete(number);
        return;
      }
      this.#slots.measured(Infinity);
      this.#changed();
      this.#signed.delete(number);
      if (direct) {
        // What a bucket refuses it does not explain to pages: the site does.
        this.#strays += 1;
        if (this.#strays === STRAYS) this.#signed.clear();
        if (status === 0 && !(await readable(body))) throw new Stop("upload-changed");
        await this.#backOff(attempt, wait, signal);
        continue;
      }
      if (status === 401 || status === 403 || status === 410) {
        // The address ended while the part waited: ask for a fresh one, a few times.
        refused += 1;
        if (refused > 3) throw new Stop("upload-failed");
        continue;
      }
      const again =
        status === 0 || status === 408 || status === 409 || status === 429 || (status >= 500 && status !== 507);
      if (!again) throw new ApiError(status, "part", "upload-failed");
      // No answer may also be no question: browsers read no file that changed since it was chosen.
      if (status === 0 && !(await readable(body))) throw new Stop("upload-changed");
      await this.#backOff(attempt, wait, signal);
    }
  }

  #progress(number: number, sent: number): void {
    this.#flying.set(number, sent);
    const now = this.#deps.now();
    this.#samples.push([now, this.#moved()]);
    while (this.#samples.length > 2 && now - (this.#samples[0]?.[0] ?? now) > WINDOW) this.#samples.shift();
    this.#changed();
  }

  async #ticket(number: number, ahead: number[], signal: AbortSignal): Promise<SignedPart> {
    for (;;) {
      const known = this.#signed.get(number);
      // The viewer's clock may be wrong: this only avoids sending what is surely stale.
      if (known && Date.parse(known.expires_at) - this.#deps.now() > 10_000) return known;
      if (known) this.#signed.delete(number);
      if (this.#signing !== null) {
        await this.#signing;
        continue;
      }
      const numbers = [number, ...ahead.filter((next) => !this.#signed.has(next)).slice(0, SIGN_AHEAD - 1)];
      const id = this.#id();
      this.#signing = this.#patiently(signal, () => this.#deps.server.sign(id, numbers, this.#strays >= STRAYS)).then(
        (parts) => {
          for (const part of parts) this.#signed.set(part.number, part);
        },
      );
      try {
        await this.#signing;
      } finally {
        this.#signing = null;
      }
      const fresh = this.#signed.get(number);
      if (fresh) return fresh;
    }
  }

  /** Whether it is complete; not when the server misses parts, which are then sent again. */
  async #finish(signal: AbortSignal, round: number): Promise<boolean> {
    const id = this.#id();
    try {
      await this.#patiently(signal, () => this.#deps.server.complete(id));
      return true;
    } catch (error) {
      const gap = error instanceof ApiError && (error.status === 409 || error.status === 422);
      if (!gap || round >= 2) throw error;
      await this.#list(signal);
      return false;
    }
  }

  /** Repeats a call over a bad network and a busy server. */
  async #patiently<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      if (signal.aborted) throw new Stop("");
      try {
        return await run();
      } catch (error) {
        const status = error instanceof ApiError ? error.status : -1;
        const again = status === 0 || status === 429 || (status >= 500 && status !== 507);
        if (!again) throw error;
        await this.#backOff(attempt, error instanceof ApiError ? error.wait : 0, signal);
      }
    }
  }

  async #backOff(attempt: number, wait: number, signal: AbortSignal): Promise<void> {
    if (!this.#deps.isOnline()) {
      const before = this.phase;
      this.#to("offline");
      await this.#deps.online(signal);
      if (signal.aborted) throw new Stop("");
      this.#to(before === "offline" ? "sending" : before);
      return;
    }
    if (attempt >= TRIES) throw new Stop("upload-failed");
    const seconds = Math.max(wait, 2 ** Math.min(attempt, 4));
    const ms = seconds * 1000 * (0.75 + this.#deps.random() / 2);
    this.#retryAt = this.#deps.now() + ms;
    this.#changed();
    await this.#deps.sleep(ms, signal);
    if (signal.aborted) throw new Stop("");
    this.#retryAt = 0;
  }
}
