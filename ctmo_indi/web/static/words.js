// How each state looks: tone and icon beside its word. A word that is not in a table is shown as it came.
import { html } from "./vendor/preact-htm.js";
import { Icon } from "./icons.js";

const row = (tone, icon) => ({ tone, icon });
const GOOD = row("good", "good");
const BUSY = row("accent", "busy");
const WARN = row("warn", "warn");
const BAD = row("bad", "bad");
const CALM = row("calm", "none");
const UNKNOWN = row("bad", "ask");

export const LOOKS = {
  verdict: { SAFE: GOOD, HOLD: row("warn", "pause"), UNSAFE: BAD, UNKNOWN },
  observatory: {
    OPEN: GOOD,
    CLOSED: row("calm", "lock"),
    OPENING: BUSY,
    CLOSING: row("warn", "busy"),
    ALARM: BAD,
    UNKNOWN,
  },
  summary: {
    ENABLED: GOOD,
    DISABLED: row("warn", "pause"),
    STANDBY: row("calm", "pause"),
    OFFLINE: row("calm", "none"),
    FAULT: BAD,
    UNKNOWN,
  },
  order: {
    RECEIVED: CALM,
    PENDING: row("calm", "pause"),
    HELD: row("warn", "pause"),
    SCHEDULED: BUSY,
    IN_PROGRESS: BUSY,
    COMPLETED: GOOD,
    CANCELED: CALM,
    REJECTED: BAD,
    WINDOW_EXPIRED: WARN,
    FAILURE_LIMIT_REACHED: BAD,
    INTERRUPTED: WARN,
    FAILED: BAD,
    ABORTED: WARN,
    NOT_ATTEMPTED: CALM,
    BAD_DATA: WARN,
  },
  script: { RUNNING: BUSY, DONE: GOOD, FAILED: BAD, STOPPED: WARN, QUEUED: CALM },
  link: { UP: GOOD, connected: GOOD, answers: GOOD, DOWN: BAD, LOST: BAD, silent: BAD, "not connected": BAD },
  zone: { danger: BAD, warning: WARN, ok: GOOD },
  indi: { Ok: GOOD, Idle: CALM, Busy: BUSY, Alert: BAD },
};

/** A state as icon and word. */
export function State({ of, word, text, about, big = false }) {
  const look = LOOKS[of]?.[word] ?? CALM;
  return html`<span class=${`badge ${look.tone}${big ? " big" : ""}`}><${Icon} name=${look.icon} size=${big ? 20 : 15} />${about ? html`<span class="about">${about}</span>` : null}${text ?? plain(word)}</span>`;
}

/** IN_PROGRESS -> IN PROGRESS */
export const plain = (word) => String(word ?? "").replaceAll("_", " ");
