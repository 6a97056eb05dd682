// Line icons, drawn for this page on a grid of 24.
import { html } from "./vendor/preact-htm.js";

const PATHS = {
  good: "M4.5 12.5 9.5 17.5 19.5 6.5",
  warn: "M12 4 21 19.500H3ZM12 10v4.500M12 17v.2",
  bad: "M7.5 3h9L21 7.500v9L16.5 21h-9L3 16.500v-9ZM8.5 8.500l7 7M15.5 8.500l-7 7",
  none: "M5 12h14",
  ask: "M9 9a3 3 0 1 1 4.5 2.600c-1 .6-1.5 1.2-1.5 2.400M12 17.500v.2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  busy: "M12 7v5l3.5 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  pause: "M9 6v12M15 6v12",
  lock: "M6 11h12v9H6ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  stop: "M8 3h8l5 5v8l-5 5H8l-5-5V8ZM8.5 12h7",
  now: "M3 19h18M5 19a7 7 0 0 1 14 0M13 12.2 15.5 5l2.3.9-2 7",
  tonight: "M3 17c3-9 6-9 9-3s6 2 9-8M3 20h18",
  sky: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 3v18M3 12h18",
  orders: "M8 6h12M8 12h12M8 18h12M4 6h.2M4 12h.2M4 18h.2",
  frames: "M4 5h16v14H4ZM4 16l5-5 4 4 2.5-2.500L20 17M15.5 9.200h.2",
  devices: "M5 8h14M5 16h14M9 5.500v5M15 13.500v5",
  log: "M5 5h14M5 9.700h9M5 14.300h14M5 19h6",
  report: "M6 3h9l4 4v14H6ZM14.5 3v4.500H19M9 12h7M9 16h5",
  sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8ZM12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M5.3 18.700l1.4-1.400M17.3 6.700l1.4-1.4",
  moon: "M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10Z",
  lamp: "M9 18h6M10 21h4M12 3a6 6 0 0 1 3.5 10.900c-.5.5-.8 1.1-.8 1.900H9.300c0-.8-.3-1.4-.8-1.900A6 6 0 0 1 12 3Z",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20.500a7.5 7.5 0 0 1 15 0",
  close: "M6 6l12 12M18 6 6 18",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.5 15.5 20 20",
  plus: "M12 5v14M5 12h14",
};

/** One icon; it says nothing to screen readers, the word beside it does. */
export function Icon({ name, size }) {
  const d = PATHS[name] ?? PATHS.none;
  return html`<svg class="icon" viewBox="0 0 24 24" width=${size ?? 20} height=${size ?? 20} aria-hidden="true" focusable="false"
    fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"><path d=${d} /></svg>`;
}
