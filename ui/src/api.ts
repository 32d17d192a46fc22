// Calls of the API from pages: JSON in, JSON out, refusals as one error type.

/** A refusal or fault. `status` 0: no answer at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly wait: number;

  constructor(status: number, code: string, detail: string, wait = 0) {
    super(detail);
    this.status = status;
    this.code = code;
    this.wait = wait;
  }
}

export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  more: Record<string, string> = {},
): Promise<T> {
  const init: RequestInit = { method, headers: { accept: "application/json", ...more } };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, "content-type": "application/json" };
  }
  let answer: Response;
  try {
    answer = await fetch(`/api/v1${path}`, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "network", String(error));
  }
  const text = await answer.text();
  let value: unknown;
  try {
    value = text ? JSON.parse(text) : undefined;
  } catch {
    value = undefined;
  }
  if (answer.ok) return value as T;
  const problem = (value ?? {}) as { code?: string; detail?: string; retry_after?: number };
  const wait = problem.retry_after ?? Number(answer.headers.get("retry-after") ?? 0);
  throw new ApiError(answer.status, problem.code ?? "http", problem.detail ?? answer.statusText, wait || 0);
}

export interface Playback {
  hls: string;
  fallback: string | null;
  poster: string | null;
  version: number;
  holds: number;
}

export interface Video {
  id: string;
  title: string;
  description: string;
  visibility: string;
  /** While it is unpublished: the visibility that publishing gives. */
  publish_as?: string;
  state: string;
}

export interface Comment {
  id: string;
  author: string;
  by_admin: boolean;
  text: string;
  created_at: string;
  edited_at?: string;
  editable: boolean;
  deletable: boolean;
}
