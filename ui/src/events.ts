// One event stream for all windows of a browser. The windows elect a leader over a
// BroadcastChannel; it opens the stream for what all of them want and passes events on.
// Without the channel each window has its own stream. Only visible pages want events.

import type { Wire } from "./api";

export type LiveEvent = Wire["Event"];
export type StateEvent = Extract<LiveEvent, { event: "state" }>;

export type Message =
  | { t: "want"; from: string; ids: string[] }
  | { t: "lead"; from: string }
  | { t: "bye"; from: string }
  | { t: "event"; event: LiveEvent };

export interface Channel {
  post(message: Message): void;
  listen(handler: (message: Message) => void): void;
}

export interface Stream {
  close(): void;
}

/** Everything of the browser that the hub touches; tests bring their own. */
export interface Env {
  id: string;
  channel: Channel | null;
  open(ids: string[], handler: (event: LiveEvent) => void): Stream;
  visible(): boolean;
  after(ms: number, run: () => void): () => void;
  random(): number;
  now(): number;
}

type Role = "idle" | "waiting" | "leader" | "follower";

const ANSWER = 100;
const BEAT = 1000;
const SILENCE = 2800;
const STALE = 10_000;
/** After a refusal a browser asks again in this time, and up to as much later: not all at once. */
const AGAIN = 5000;
/** As many videos as one stream may name. */
const MOST = 50;

export class Live {
  role: Role = "idle";
  readonly #env: Env;
  readonly #subs = new Map<(event: LiveEvent) => void, string[]>();
  readonly #wants = new Map<string, { ids: string[]; at: number }>();
  /** The latest event of each kind by video, for later subscribers: the stream sends it only once. */
  readonly #last = new Map<string, LiveEvent>();
  #stream: Stream | null = null;
  #streamed = new Set<string>();
  #cancel: () => void = () => {};
  #leader = "";

  constructor(env: Env) {
    this.#env = env;
    env.channel?.listen((message) => this.#hear(message));
  }

  /** Events of these videos until the returned function is called. */
  subscribe(ids: string[], handler: (event: LiveEvent) => void): () => void {
    this.#subs.set(handler, ids);
    const known = this.#known(ids);
    if (known.length > 0) {
      this.#env.after(0, () => {
        if (this.#subs.has(handler)) for (const event of known) handler(event);
      });
    }
    this.update();
    return () => {
      if (this.#subs.delete(handler)) this.update();
    };
  }

  /** Checks again which events are wanted: after a subscription, or when the page was shown or hidden. */
  update(): void {
    const mine = this.#mine();
    if (mine.length === 0) {
      if (this.role === "idle") return;
      const led = this.role === "leader";
      this.#close();
      this.#become("idle");
      this.#post({ t: "want", from: this.#env.id, ids: [] });
      if (led) this.#post({ t: "bye", from: this.#env.id });
      return;
    }
    if (!this.#env.channel) {
      if (this.role !== "leader") this.#lead();
      else this.#reopen();
      return;
    }
    if (this.role === "idle") this.#wait(ANSWER);
    else if (this.role === "leader") this.#reopen();
    this.#post({ t: "want", from: this.#env.id, ids: mine });
  }

  /** The window goes away. */
  leave(): void {
    const led = this.role === "leader";
    if (this.role === "idle") return;
    this.#close();
    this.#become("idle");
    this.#post({ t: "want", from: this.#env.id, ids: [] });
    if (led) this.#post({ t: "bye", from: this.#env.id });
  }

  #mine(): string[] {
    if (!this.#env.visible()) return [];
    return [...new Set([...this.#subs.values()].flat())];
  }

  #known(ids: string[]): LiveEvent[] {
    return [...this.#last.values()].filter((event) => ids.includes(event.id));
  }

  #post(message: Message): void {
    this.#env.channel?.post(message);
  }

  #become(role: Role): void {
    this.#cancel();
    this.#cancel = () => {};
    this.role = role;
  }

  #wait(ms: number): void {
    this.#become("waiting");
    this.#cancel = this.#env.after(ms, () => this.#lead());
  }

  #lead(): void {
    this.#become("leader");
    this.#leader = this.#env.id;
    this.#post({ t: "lead", from: this.#env.id });
    this.#reopen();
    if (this.#env.channel) this.#beat();
  }

  #beat(): void {
    this.#cancel = this.#env.after(BEAT, () => {
      this.#post({ t: "lead", from: this.#env.id });
      this.#beat();
    });
  }

  #follow(leader: string): void {
    const fresh = this.role !== "follower" || this.#leader !== leader;
    this.#become("follower");
    this.#leader = leader;
    this.#cancel = this.#env.after(SILENCE + this.#env.random() * 400, () => this.#lead());
    if (fresh || this.#env.random() < 0.3) {
      this.#post({ t: "want", from: this.#env.id, ids: this.#mine() });
    }
  }

  #hear(message: Message): void {
    switch (message.t) {
      case "want":
        this.#want(message.from, message.ids);
        break;
      case "lead":
        if (this.role === "leader") {
          // If two windows lead, the lower id wins.
          if (message.from < this.#env.id) {
            this.#close();
            this.#follow(message.from);
          } else {
            this.#post({ t: "lead", from: this.#env.id });
          }
        } else if (this.role !== "idle") {
          this.#follow(message.from);
        }
        break;
      case "bye":
        this.#wants.delete(message.from);
        if (this.role === "follower" && message.from === this.#leader) this.#wait(this.#env.random() * 60);
        break;
      case "event":
        this.#deliver(message.event);
    }
  }

  #want(from: string, ids: string[]): void {
    const before = this.#wants.get(from)?.ids ?? [];
    if (ids.length === 0) this.#wants.delete(from);
    else this.#wants.set(from, { ids, at: this.#env.now() });
    if (this.role !== "leader" || ids.length === 0) return;
    this.#post({ t: "lead", from: this.#env.id });
    for (const event of this.#known(ids.filter((id) => !before.includes(id)))) this.#post({ t: "event", event });
    this.#reopen();
  }

  #reopen(): void {
    const now = this.#env.now();
    for (const [peer, want] of this.#wants) if (now - want.at > STALE) this.#wants.delete(peer);
    const all = [...new Set([...this.#mine(), ...[...this.#wants.values()].flatMap((want) => want.ids)])];
    const ids = all.slice(0, MOST);
    if (this.#stream && ids.every((id) => this.#streamed.has(id))) return;
    this.#close();
    this.#streamed = new Set(ids);
    this.#stream = this.#env.open(ids, (event) => {
      this.#deliver(event);
      this.#post({ t: "event", event });
    });
  }

  #close(): void {
    this.#stream?.close();
    this.#stream = null;
    this.#streamed.clear();
    this.#last.clear();
  }

  #deliver(event: LiveEvent): void {
    if (this.role !== "idle") this.#last.set(`${event.event} ${event.id}`, event);
    for (const [handler, ids] of [...this.#subs]) if (ids.includes(event.id)) handler(event);
  }
}

/** How long to wait after a refusal, by a throw of dice from 0 to 1. */
export function again(dice: number): number {
  return AGAIN * (1 + dice);
}

function openStream(ids: string[], handler: (event: LiveEvent) => void): Stream {
  let source: EventSource;
  let timer = 0;
  let closed = false;
  const connect = () => {
    source = new EventSource(`/api/v1/events?videos=${ids.join(",")}`);
    for (const name of ["state", "progress", "presentation"] as const) {
      source.addEventListener(name, (event) => {
        try {
          handler({ ...JSON.parse((event as MessageEvent<string>).data), event: name });
        } catch {
          // A payload of another version: the next one may fit.
        }
      });
    }
    // The browser reconnects by itself, after a time that the stream told it, unless the answer was a
    // refusal.
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED && !closed) {
        timer = window.setTimeout(connect, again(Math.random()));
      }
    });
  };
  connect();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      source.close();
    },
  };
}

function browserChannel(): Channel | null {
  if (typeof BroadcastChannel === "undefined") return null;
  const channel = new BroadcastChannel("virga-live");
  return {
    post: (message) => channel.postMessage(message),
    listen: (handler) => channel.addEventListener("message", (event) => handler(event.data as Message)),
  };
}

let shared: Live | null = null;

/** The page's hub. */
export function live(): Live {
  if (shared) return shared;
  const id = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const hub = new Live({
    id,
    channel: browserChannel(),
    open: openStream,
    visible: () => document.visibilityState === "visible",
    after(ms, run) {
      const timer = window.setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    random: Math.random,
    now: Date.now,
  });
  document.addEventListener("visibilitychange", () => hub.update());
  window.addEventListener("pagehide", () => hub.leave());
  window.addEventListener("pageshow", () => hub.update());
  shared = hub;
  return hub;
}
