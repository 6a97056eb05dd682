// How the page asks: Work Orders and views over HTTP, with the caller's token where there is one.
import { readJson, unmarked } from "./plain_text.js";

const TOKEN_KEY = "ctmo-indi token";
const NAME_KEY = "ctmo-indi name";
const LONGEST_MS = 20000;

// A browser has six connections to a server at most, and the stream holds one: what waits must not keep a stop waiting.
const LEFT_FREE = 2;
const CONNECTIONS = 6;
const pending = new Set(); // AbortController of each question but the stream

let askForToken = () => {};

function kept(storage, key, value) {
  try {
    if (value === undefined) return storage.getItem(key) ?? "";
    if (value) storage.setItem(key, value);
    else storage.removeItem(key);
  } catch {
    // storage may be forbidden: then it is asked for again
  }
  return value ?? "";
}

let token = kept(sessionStorage, TOKEN_KEY);

export const hasToken = () => token !== "";
export const setToken = (text) => (token = kept(sessionStorage, TOKEN_KEY, text));
export const onTokenNeeded = (listener) => (askForToken = listener);
/** In whose name orders go where no token says it. */
export const myName = () => kept(localStorage, NAME_KEY);
export const setMyName = (text) => kept(localStorage, NAME_KEY, text);

/** Whether it can go in a header at all: letters, digits and signs, no spaces. */
export const canBeToken = (text) => /^[!-~]+$/.test(text);

/** fetch() with the token; a 401 opens the token dialogue. */
export async function ask(path, { method = "GET", body, signal } = {}) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path.replace(/%E2%81%A[89]/g, ""), { method, headers, body, signal, cache: "no-store", credentials: "omit" });
  if (answer.status === 401) askForToken(await refusal(answer));
  return answer;
}

/** The text of a refused request. */
export async function refusal(answer) {
  const text = (await answer.text().catch(() => "")).slice(0, 500);
  try {
    return readJson(text).fault?.text ?? text;
  } catch {
    return text || `HTTP ${answer.status}`;
  }
}

// Pages of this observatory in other tabs share the six connections.
const others = "BroadcastChannel" in globalThis ? new BroadcastChannel("ctmo-indi") : null;
/** Ask the pages that nobody sees to give up their connections. */
export const askOthersToRest = () => others?.postMessage("rest");
/** Another page asks for it. */
export const onAskedToRest = (listener) => others?.addEventListener("message", listener);

/** Give up questions that wait, the oldest first, until there is room for what is urgent. */
export function makeRoom() {
  askOthersToRest();
  for (const one of [...pending].slice(0, Math.max(0, pending.size - (CONNECTIONS - 1 - LEFT_FREE))))
    one.abort(new Error("given up for a stop"));
}

async function inTime(longest_ms, asked) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new DOMException("", "TimeoutError")), longest_ms);
  pending.add(abort);
  try {
    return await asked(abort.signal);
  } finally {
    clearTimeout(timer);
    pending.delete(abort);
  }
}

/** A view, such as /api/night, as an object; throws an Error with a text for people. */
export async function get(path, longest_ms = LONGEST_MS) {
  const value = await inTime(longest_ms, async (signal) => {
    const answer = await ask(path, { signal });
    if (!answer.ok) throw new Error(await refusal(answer));
    return readJson(await answer.text());
  });
  if (value?.fault) throw new Error(value.fault.text);
  return value;
}

/** A picture as an address for <img>; free it with URL.revokeObjectURL. */
export async function getPicture(path, longest_ms = LONGEST_MS) {
  const blob = await inTime(longest_ms, async (signal) => {
    const answer = await ask(path, { signal });
    if (!answer.ok) throw new Error(await refusal(answer));
    return answer.blob();
  });
  return URL.createObjectURL(blob);
}

/** Send a Work Order: {reply} or {fault: {code, text}}; never throws. Code 0: nobody answered. */
export async function order(service, workOrder, longest_ms = LONGEST_MS) {
  try {
    const body = unmarked(JSON.stringify({ service, order: workOrder }));
    return await inTime(longest_ms, async (signal) => {
      const answer = await ask("/api/order", { method: "POST", body, signal });
      return answer.ok ? readJson(await answer.text()) : { fault: { code: answer.status, text: await refusal(answer) } };
    });
  } catch (error) {
    const why =
      error.name === "TimeoutError" ? `no answer within ${longest_ms / 1000} s` : "the observatory cannot be reached";
    return { fault: { code: 0, text: why } };
  }
}
