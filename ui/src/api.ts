// Calls of the API from pages: JSON in, JSON out, refusals as one error type. Paths, bodies and answers
// are those of the API's own document.

import type { components, paths } from "../generated/api";

/** What crosses the wire, by its name in docs/api/openapi.json. */
export type Wire = components["schemas"];

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
/** `/videos/{id}` as a type of strings. */
type Pattern<K> = K extends `${infer A}{${string}}${infer B}` ? `${A}${string}${Pattern<B>}` : K;
type Plain<P> = P extends `${infer A}?${string}` ? A : P;
/** The path of the document that a path is an instance of. */
type Place<P extends string> = {
  [K in keyof paths]: `/api/v1${Plain<P>}` extends Pattern<K>
    ? Pattern<K> extends `/api/v1${Plain<P>}`
      ? K
      : never
    : never;
}[keyof paths];
/** What a method does there; `never` where the document has no such path or method. */
type Operation<M extends Method, P extends string> = [Place<P>] extends [never]
  ? never
  : paths[Place<P>] extends { [K in Lowercase<M>]: infer O extends object }
    ? O
    : never;
type Json<T> = T extends { content: { "application/json": infer J } } ? J : undefined;
type Body<O> = O extends { requestBody: infer B } ? Json<B> : undefined;
type Answer<O> = O extends { responses: infer R } ? Json<R[keyof R & (200 | 201 | 202 | 204)]> : never;
type More = [signal?: AbortSignal | undefined, more?: Record<string, string>];
type Rest<O> = [O] extends [never]
  ? [noSuchOperation: never]
  : Body<O> extends undefined
    ? [body?: undefined, ...More]
    : [body: Body<O>, ...More];

/** Codes of this release's API, and those that scripts give to what is no answer of it. */
type KnownCode = Wire["ProblemCode"] | "network" | "http" | "part";
/** A later release may answer others. */
export type Code = KnownCode | (string & Record<never, never>);

const INTERNAL: KnownCode = "internal";

/** A refusal or fault. `status` 0: no answer at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: Code;
  readonly wait: number;

  constructor(status: number, code: Code, detail: string, wait = 0) {
    super(detail);
    this.status = status;
    this.code = code;
    this.wait = wait;
  }
}

/** A call as in docs/api/openapi.json: the body and the answer of that path. */
export function call<M extends Method, P extends string>(
  method: M,
  path: P,
  ...rest: Rest<Operation<M, P>>
): Promise<Answer<Operation<M, P>>>;
export async function call(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  more: Record<string, string> = {},
): Promise<unknown> {
  const init: RequestInit = { method, headers: { accept: "application/json", ...more } };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, "content-type": "application/json" };
  }
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(`/api/v1${path}`, init);
    text = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "network", String(error));
  }
  let value: unknown;
  try {
    value = text ? JSON.parse(text) : undefined;
  } catch {
    value = undefined;
  }
  if (answer.ok) return value;
  const problem = (value ?? {}) as Partial<Wire["Problem"]>;
  const wait = problem.retry_after ?? Number(answer.headers.get("retry-after") ?? 0);
  const { code = "http", detail = answer.statusText, request_id: id } = problem;
  // Its sentence says that it is in the log under the request's id.
  throw new ApiError(answer.status, code, code === INTERNAL && id ? `${detail} (${id})` : detail, wait || 0);
}
