// One file on its way: draft, upload, parts in parallel, complete. The server decides which
// parts it has; this only sends what is missing. It touches no DOM: everything from the browser is
// passed in, so that tests can be the server, the network and the clock.

import { ApiError } from "./api";
import { FEWEST, fingerprint, inOrder, readable, wantedPart } from "./transfer/file";
import { Progress } from "./transfer/progress";
import type { Slots } from "./transfer/slots";
import { Tickets } from "./transfer/tickets";
import type { Deps, Draft, FileLike, HeldPart, SignedPart, Upload } from "./transfer/world";

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

class Stop extends Error {}

/** Whether a refusal, or no answer at all, may be another one the next time. A full disk stays full. */
const passes = (status: number) => status === 0 || status === 429 || (status >= 500 && status !== 507);

/** The first parts go by twos: the more share the line, the later the film's beginning is there. */
const FIRST = 8;
const PAIR = 2;
const TRIES = 9;
const PARALLEL = 4;

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
  readonly #progress: Progress;
  readonly #tickets: Tickets;
  #making: Promise<{ id: string }> | null = null;
  #stop = new AbortController();
  #verified = false;
  #retryAt = 0;

  constructor(file: FileLike, start: Start, deps: Deps, slots: Slots, changed: () => void) {
    this.file = file;
    this.#start = start;
    this.#deps = deps;
    this.#progress = new Progress(file.size, deps.now);
    this.#tickets = new Tickets(deps.now);
    this.#slots = slots;
    this.#changed = changed;
    this.videoId = start.upload?.video_id ?? start.videoId ?? null;
    this.upload = start.upload ?? null;
  }

  get active(): boolean {
    return ["checking", "sending", "offline", "finishing"].includes(this.phase);
  }

  /** Bytes that survive a pause or a reload: those of whole parts. Of a file of one part, those on their way. */
  get sent(): number {
    return this.#count() === 1 ? this.#progress.moved : this.#progress.held;
  }

  #count(): number {
    return Math.ceil(this.file.size / (this.upload?.part_size ?? this.file.size));
  }

  /** Bytes per second over the last seconds; falls by itself where nothing moves. 0 while unknown. */
  get speed(): number {
    return this.#progress.speed;
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
    this.#progress.restart();
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
    this.#progress.stop();
    this.#retryAt = 0;
    this.#to("paused");
  }

  /** Gives the upload up, and the draft that was made for it. */
  async cancel(): Promise<void> {
    if (this.phase === "done") return;
    this.#stop.abort();
    this.#progress.stop();
    this.#to("cancelled");
    try {
      if (this.#making !== null) await this.video();
      if (this.upload) await this.#deps.server.cancel(this.upload.id);
      if (this.videoId && !this.#start.videoId && !this.#start.upload) await this.#deps.server.discard(this.videoId);
    } catch {
      // The server discards abandoned uploads by itself.
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
    const held = await this.#patiently(signal, () => this.#deps.server.parts(this.#id()));
    this.#progress.holds(held);
    return held;
  }

  /** Another file of the same size would make a broken video: compares the parts that the server has. */
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
    const size = this.upload?.part_size ?? this.file.size;
    const missing = inOrder(this.file.size, size).filter((number) => !this.#progress.has(number));
    let landed = 0;
    let warm: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      warm = resolve;
    });
    if (this.#count() < FEWEST) warm();
    const worker = async (n: number) => {
      if (n >= PAIR) await begun;
      for (;;) {
        const give = await this.#slots.take();
        try {
          if (signal.aborted) throw new Stop("");
          const number = missing.shift();
          if (number === undefined) {
            warm();
            return;
          }
          await this.#sendPart(number, missing, signal);
          landed += 1;
          if (landed >= FIRST) warm();
        } finally {
          give();
        }
      }
    };
    const workers = Array.from({ length: Math.min(PARALLEL, missing.length) }, (_, n) => worker(n));
    try {
      await Promise.all(workers);
    } catch (error) {
      warm();
      if (!signal.aborted) this.#halt(stop, error);
      await Promise.allSettled(workers);
      throw error;
    }
  }

  /** One part failed permanently: stops the others. */
  #halt(stop: AbortController, error: unknown): void {
    stop.abort();
    this.#progress.stop();
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
      const began = this.#deps.now();
      const flies = (sent: number) => {
        this.#progress.flies(number, sent);
        this.#changed();
      };
      const { status, wait } = await this.#deps.put(part, body, flies, signal);
      this.#progress.lost(number);
      if (signal.aborted) throw new Stop("");
      const direct = !part.url.startsWith("/");
      // Kodo's 579: the object exists, only the callback to the site failed.
      if ((status >= 200 && status < 300) || status === 579) {
        if (direct) this.#tickets.arrived();
        this.#slots.measured(this.#deps.now() - began);
        this.#retryAt = 0;
        this.#progress.lands(number, body.size);
        this.#changed();
        return;
      }
      this.#slots.measured(Infinity);
      this.#changed();
      this.#tickets.drop(number);
      if (direct) {
        // What a bucket refuses it does not explain to pages: the site does.
        this.#tickets.strayed();
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
      if (status !== 408 && status !== 409 && !passes(status)) throw new ApiError(status, "part", "upload-failed");
      // No answer may also be no question: browsers read no file that changed since it was chosen.
      if (status === 0 && !(await readable(body))) throw new Stop("upload-changed");
      await this.#backOff(attempt, wait, signal);
    }
  }

  #ticket(number: number, ahead: number[], signal: AbortSignal): Promise<SignedPart> {
    const id = this.#id();
    return this.#tickets.take(number, ahead, (numbers, proxied) =>
      this.#patiently(signal, () => this.#deps.server.sign(id, numbers, proxied)),
    );
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
        if (!(error instanceof ApiError && passes(error.status))) throw error;
        await this.#backOff(attempt, error.wait, signal);
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
