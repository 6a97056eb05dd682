// What the page knows: filled by the stream, read by the tabs. Everything in it is replaced, never changed in place.
import { useEffect, useReducer, useRef } from "./vendor/preact-htm.js";

const KEPT_EVENTS = 2000;
const FLUSH_MS = 60; // several messages, one drawing
export const SERVICES = ["scheduler", "telescope", "safety", "preprocessor"];

export class Store {
  hello = null; // first message of the stream
  services = {}; // name -> {reply, error, age_s, at_ms}
  events = []; // newest last: {service, Revision, Kind, Subject, UTC, Data}
  telemetry = {}; // subject -> Data, the latest
  telemetry_utc = {}; // subject -> when
  connected = false;
  link = { state: "connecting", error: "", retry_at_ms: 0 }; // connecting, live, lost, token
  notice = null; // {text, tone}: what just happened to the link
  news = null; // text for screen readers

  #listeners = new Set();
  #arrived = [];
  #seen = new Set();
  #timer = 0;
  #hello_at_ms = 0;

  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sky time now, ms since 1970: the observatory's clock, which may run fast. */
  sky_ms() {
    if (!this.hello) return Date.now();
    return Date.parse(this.hello.utc) + (performance.now() - this.#hello_at_ms) * (this.hello.speed || 1);
  }

  /** Seconds since that service said something, on this computer's clock. */
  age_s(name) {
    const entry = this.services[name];
    return entry ? entry.age_s + (performance.now() - entry.at_ms) / 1000 : Infinity;
  }

  set(changes) {
    Object.assign(this, changes);
    this.#tell();
  }

  /** Take one message of the stream. */
  take(name, data) {
    if (name === "hello") {
      this.#hello_at_ms = performance.now();
      this.hello = data;
      this.connected = true;
    } else if (name === "service") {
      const entry = { reply: data.reply, error: data.error, age_s: data.age_s, at_ms: performance.now() };
      this.services = { ...this.services, [data.service]: entry };
    } else if (name === "happened") {
      this.#happened(data);
    } else return;
    this.#tell();
  }

  #happened(event) {
    if (event.Kind === "telemetry") {
      this.telemetry = { ...this.telemetry, [event.Subject]: event.Data };
      this.telemetry_utc[event.Subject] = event.UTC;
      return; // too many to be kept
    }
    const key = `${event.service} ${event.Revision} ${event.UTC}`; // a new connection tells the last ones again
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    if (this.#seen.size > 4 * KEPT_EVENTS) this.#seen = new Set([...this.#seen].slice(-2 * KEPT_EVENTS));
    this.#arrived.push(event);
  }

  #tell() {
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#arrived.length) {
        this.events = this.events.concat(this.#arrived).slice(-KEPT_EVENTS);
        this.#arrived = [];
      }
      for (const listener of [...this.#listeners]) listener();
    }, FLUSH_MS);
  }
}

/** Draw anew when what `select` takes from the store is another object or value. */
export function useStore(store, select = (s) => s) {
  const [, draw] = useReducer((n) => n + 1, 0);
  const value = select(store);
  const last = useRef();
  last.current = { select, value };
  useEffect(
    () =>
      store.subscribe(() => {
        const value = last.current.select(store);
        if (value === store || !Object.is(value, last.current.value)) draw();
      }),
    [store],
  );
  return value;
}

/** Draw anew each `seconds`: for ages and clocks. */
export function useTick(seconds = 1) {
  const [, draw] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    const timer = setInterval(draw, seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
}
