// The live stream: read for ever, looked after, connected again.
import { ask, askOthersToRest, onAskedToRest, refusal } from "./api.js";
import { readJson } from "./plain_text.js";

const SILENT_MS = 25000; // a comment comes each 10 s
const PAUSES_S = [1, 2, 4, 8, 15];
const HIDDEN_MS = 10000; // a page in the background rests then: each holds one of the browser's six connections

/** Split text that comes in pieces into [name, data] messages (text/event-stream). */
export class Messages {
  #rest = "";

  take(text) {
    const blocks = (this.#rest + text.replaceAll("\r", "")).split("\n\n");
    this.#rest = blocks.pop();
    return blocks.map(read).filter(Boolean);
  }
}

function read(block) {
  let name = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
  }
  return data.length ? [name, readJson(data.join("\n"))] : null; // a comment has no data
}

export class Stream {
  #store;
  #abort = null;
  #tries = 0;
  #timer = 0;
  #rest = 0;
  #was_live = false;

  constructor(store) {
    this.#store = store;
    addEventListener("online", () => document.hidden || this.now());
    onAskedToRest(() => document.hidden && this.#pause());
    document.addEventListener("visibilitychange", () => {
      clearTimeout(this.#rest);
      if (document.hidden) {
        this.#rest = setTimeout(() => this.#pause(), HIDDEN_MS);
        return;
      }
      askOthersToRest();
      if (!this.#abort || this.#store.link.state === "lost") this.now();
    });
  }

  /** Connect; a page that was opened in the background waits until it is looked at. */
  start() {
    if (!document.hidden) this.now();
  }

  /** Connect at once, whatever the pause. */
  now() {
    clearTimeout(this.#timer);
    this.#abort?.abort("again");
    this.#run();
  }

  #pause() {
    clearTimeout(this.#timer);
    const abort = this.#abort;
    this.#abort = null;
    this.#was_live = false; // coming back is no news
    abort?.abort("hidden");
    this.#store.set({ connected: false, link: { state: "connecting", error: "", retry_at_ms: 0 } });
  }

  async #run() {
    const abort = (this.#abort = new AbortController());
    try {
      const answer = await this.#open(abort);
      if (answer) await this.#read(answer, abort);
    } catch (error) {
      if (abort !== this.#abort) return; // another connection has taken over
      this.#later(abort.signal.aborted ? "nothing came for 25 s" : String(error.message ?? error));
    }
  }

  async #open(abort) {
    const guard = setTimeout(() => abort.abort("silent"), SILENT_MS);
    try {
      const answer = await ask("/api/stream", { signal: abort.signal });
      if (answer.status === 401) {
        this.#store.set({ connected: false, link: { state: "token", error: "", retry_at_ms: 0 } });
        return null; // the dialogue connects again
      }
      if (!answer.ok) throw new Error(await refusal(answer));
      return answer;
    } finally {
      clearTimeout(guard);
    }
  }

  async #read(answer, abort) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const messages = new Messages();
    let guard = 0;
    try {
      for (;;) {
        clearTimeout(guard);
        guard = setTimeout(() => abort.abort("silent"), SILENT_MS);
        const { value, done } = await reader.read();
        if (done) throw new Error("the observatory ended the connection");
        if (abort !== this.#abort) return;
        for (const [name, data] of messages.take(value)) this.#take(name, data);
      }
    } finally {
      clearTimeout(guard);
    }
  }

  #take(name, data) {
    if (name === "hello") this.#greet(data);
    this.#store.take(name, data);
  }

  #greet(hello) {
    const before = this.#store.hello;
    if (this.#was_live && before) {
      const restarted = Boolean(hello.started) && hello.started !== before.started;
      const text = restarted ? "The scheduler was restarted; the page is connected again." : "Connected again.";
      this.#store.set({ notice: { text, tone: restarted ? "warn" : "good" } });
    }
    this.#tries = 0;
    this.#was_live = true;
    this.#store.set({ link: { state: "live", error: "", retry_at_ms: 0 } });
  }

  #later(error) {
    const pause_ms = PAUSES_S[Math.min(this.#tries++, PAUSES_S.length - 1)] * 1000;
    const link = { state: "lost", error, retry_at_ms: performance.now() + pause_ms };
    this.#store.set({ connected: false, link });
    this.#timer = setTimeout(() => this.now(), pause_ms);
  }
}
