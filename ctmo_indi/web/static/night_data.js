// A night from /api/night, kept fresh while it is shown, and what is read out of it.
import { useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { get } from "./api.js";
import { at_ms } from "./format.js";
import { useStore } from "./store.js";

const PAUSE_MS = 3000; // between two questions, whatever happens
const SKY_MINUTE_MS = 60e3;
const LONGEST_PAUSE_MS = 60e3;
const NEWS = new Set(["attempt", "target", "verdict", "order", "predictedSchedule", "summaryState"]);

/** {view, error, refresh}; `night` is YYYYMMDD, empty for the one that lasts or comes. */
export function useNight(store, night) {
  return useView(store, `/api/night${night ? `?night=${night}` : ""}`);
}

/** A view of this server: asked when it is shown, when something happened, and each minute of sky time. */
export function useView(store, path) {
  const [answer, setAnswer] = useState({ path: "", view: null, error: "" });
  const [wish, setWish] = useState(0);
  const last_ms = useRef(-Infinity);
  const news = useStore(store, (s) => s.events.findLast((event) => NEWS.has(event.Kind)));
  const connected = useStore(store, (s) => s.connected);
  const speed = useStore(store, (s) => s.hello?.speed ?? 1);
  useEffect(() => {
    let is_shown = true;
    let timer = 0;
    const ask = async () => {
      if (document.hidden) return;
      last_ms.current = performance.now();
      try {
        const view = await get(path);
        if (is_shown) setAnswer({ path, view, error: "" });
      } catch (error) {
        if (is_shown) setAnswer((before) => ({ ...before, path, view: before.path === path ? before.view : null, error: error.message }));
      }
      if (is_shown) timer = setTimeout(ask, Math.min(LONGEST_PAUSE_MS, Math.max(PAUSE_MS, SKY_MINUTE_MS / speed)));
    };
    const soon = () => {
      clearTimeout(timer);
      const is_other = answer.path !== path;
      timer = setTimeout(ask, is_other ? 0 : Math.max(0, last_ms.current + PAUSE_MS - performance.now()));
    };
    soon();
    document.addEventListener("visibilitychange", soon);
    return () => {
      is_shown = false;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", soon);
    };
  }, [path, news, connected, speed, wish]);
  const is_this = answer.path === path;
  return { view: is_this ? answer.view : null, error: is_this ? answer.error : "", refresh: () => setWish((n) => n + 1) };
}

/** Relative air mass; Kasten and Young 1989, as the observatory's own models. */
export function airmass(altitude_deg) {
  if (!(altitude_deg >= 0)) return Infinity;
  return Math.max(1, 1 / (Math.sin((altitude_deg * Math.PI) / 180) + 0.50572 * (altitude_deg + 6.07995) ** -1.6364));
}

const NEARLY_MS = 300e3;
const SEEN_AS = { COMPLETED: "done", IN_PROGRESS: "running" };

/** When what runs is over: it may have begun at another time than planned. */
function until(one, planned, view) {
  return planned ? Math.max(at_ms(view.now), at_ms(one.start) + at_ms(planned.end) - at_ms(planned.start)) : NaN;
}

/** Attempts and planned visits as rows of one list, by time; what runs is one row. */
export function rowsOf(view) {
  const visits = view.plan?.visits ?? [];
  const running = new Map(visits.filter((one) => one.state === "running").map((one) => [one.receipt, one]));
  const done = view.done.map((one) => {
    const planned = one.end ? null : running.get(one.receipt);
    if (planned) running.delete(one.receipt);
    return {
      ...one, state: SEEN_AS[one.status] ?? "lost", word: one.status, start_ms: at_ms(one.start),
      end_ms: at_ms(one.end || view.now), until_ms: until(one, planned, view),
      planned_deg: planned && Math.abs(at_ms(planned.start) - at_ms(one.start)) < NEARLY_MS ? planned.altitude_deg : [],
    };
  });
  const shown = new Set(view.done.filter((one) => !one.end).map((one) => one.receipt));
  const coming = visits
    .filter((one) => !(one.state === "running" && shown.has(one.receipt)))
    .map((one) => ({ ...one, word: one.state, start_ms: at_ms(one.start), end_ms: at_ms(one.end), until_ms: NaN, planned_deg: [] }));
  return [...done, ...coming].sort((a, b) => a.start_ms - b.start_ms);
}

/** Altitude of a row at an instant, between the values that are told; NaN outside. */
export function altitudeAt(row, ms) {
  const path = row.altitude_deg;
  if (!path.length || ms < row.start_ms || ms > row.end_ms) return NaN;
  const place = ((ms - row.start_ms) / Math.max(1, row.end_ms - row.start_ms)) * (path.length - 1);
  const before = Math.min(path.length - 1, Math.floor(place));
  const after = Math.min(path.length - 1, before + 1);
  return path[before] + (path[after] - path[before]) * (place - before);
}

/** When a curve on the grid of the night is above a height: spans of ms; open ends are null. */
export function spansAbove(utc_s, values, height) {
  const spans = [];
  let from = values[0] >= height ? null : undefined;
  for (let i = 1; i < values.length; i += 1) {
    const [a, b] = [values[i - 1] - height, values[i] - height];
    if (a < 0 === b < 0) continue;
    const ms = 1000 * (utc_s[i - 1] + ((utc_s[i] - utc_s[i - 1]) * a) / (a - b));
    if (b >= 0) from = ms;
    else {
      spans.push({ from, to: ms });
      from = undefined;
    }
  }
  if (from !== undefined) spans.push({ from, to: null });
  return spans;
}
