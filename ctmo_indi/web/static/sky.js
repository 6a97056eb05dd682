// The tab Sky: what stands where over the site, where the telescope points, and the same in words.
import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact-htm.js";
import { device } from "./device.js";
import { at_ms, clock, hours, isNumber, number } from "./format.js";
import { airmass, useView } from "./night_data.js";
import { drawSky, mapOf } from "./sky_canvas.js";
import { compass } from "./sky_geometry.js";
import { useStore } from "./store.js";

const REACH_PX = 18;
const HINT = matchMedia("(pointer: coarse)").matches ? "Tap" : "Point at";

export default function Sky({ store }) {
  const { view, error } = useView(store, "/api/sky");
  useStore(store, (s) => s.telemetry);
  useStore(store, (s) => s.services.telescope);
  if (!view) return html`<section class="panel"><h2>Sky</h2>${error ? html`<p class="message bad" role="alert">${error}</p>` : html`<p class="empty">asking …</p>`}</section>`;
  return html`<${Map} store=${store} sky=${view} error=${error} />`;
}

const angle = (deg) => number(deg, 0, "°");
const placeWords = (one) =>
  `altitude ${angle(one.alt_deg)}, azimuth ${angle(one.az_deg)} (${compass(one.az_deg)})${one.alt_deg >= 5 ? `, air mass ${number(airmass(one.alt_deg), 2)}` : ""}`;

/** All that has a name on the map, as rows: the telescope first. */
function rowsOf(sky, { mount }, near) {
  const rows = [];
  if (isNumber(mount?.Altitude) && isNumber(mount?.Azimuth)) {
    const doing = mount.Slewing ? "slews" : mount.Parked ? "parked" : mount.Tracking ? "tracks" : "stands still";
    rows.push({ key: "telescope", label: "Telescope", what: doing, az_deg: mount.Azimuth, alt_deg: mount.Altitude });
  }
  for (const one of sky.targets) {
    const when = one.state === "running" ? `runs since ${clock(one.start, near)}` : `${one.state}, ${clock(one.start, near)}`;
    rows.push({ ...one, key: `${one.receipt} ${one.start}`, what: when, href: one.receipt ? `#orders/${encodeURIComponent(one.receipt)}` : "" });
  }
  for (const one of sky.bodies) rows.push({ ...one, key: one.name, label: one.name, what: one.name === "Moon" ? `${number(100 * one.fraction, 0)} % lit` : one.name === "Sun" ? "" : "planet" });
  return rows;
}

function Map({ store, sky, error }) {
  const canvas = useRef(null);
  const [size, setSize] = useState(0);
  const [chosen, setChosen] = useState("");
  const [themed, draw] = useState(0);
  const live = { mount: device(store, "Mount"), dome: device(store, "Dome") };
  const near = at_ms(sky.utc);
  const rows = useMemo(() => rowsOf(sky, live, near), [sky, live.mount]);
  useEffect(() => {
    const measure = () => canvas.current && setSize(Math.floor(Math.min(canvas.current.parentElement.clientWidth, 720)));
    const sizes = new ResizeObserver(measure);
    sizes.observe(canvas.current.parentElement);
    const again = () => draw((n) => n + 1);
    addEventListener("themechange", again);
    return () => {
      sizes.disconnect();
      removeEventListener("themechange", again);
    };
  }, []);
  const row = rows.find((one) => one.key === chosen) ?? null;
  useEffect(() => {
    if (size > 60) drawSky(canvas.current, size, sky, live, row?.receipt || "none");
  }, [size, sky, live.mount, live.dome, chosen, themed]);
  const point = (event) => {
    const box = canvas.current.getBoundingClientRect();
    const map = mapOf(size);
    const away = (one) => {
      const [x, y] = map.at(one.az_deg, one.alt_deg);
      return Math.hypot(x - (event.clientX - box.left), y - (event.clientY - box.top));
    };
    const stars = sky.stars.map(([az_deg, alt_deg, magnitude, label]) => ({ key: label, label, what: `star, magnitude ${number(magnitude, 1)}`, az_deg, alt_deg, reach: 8 }));
    const nearest = [...rows.filter((one) => one.alt_deg > -1), ...stars].filter((one) => away(one) < (one.reach ?? REACH_PX)).sort((a, b) => away(a) - away(b))[0];
    setPointed(nearest ?? null);
    if (event.type === "click") setChosen(nearest?.key ?? "");
  };
  const [pointed, setPointed] = useState(null);
  const said = pointed ?? row;
  const words = said ? `${said.label}${said.filter ? `, ${said.filter}` : ""}${said.what ? ` (${said.what})` : ""}: ${placeWords(said)}` : "";
  const at = rows.indexOf(row);
  const onKey = (event) => {
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined || !rows.length) return;
    event.preventDefault();
    setChosen(rows[Math.min(rows.length - 1, Math.max(0, to))].key);
  };
  return html`<div class="panels">
    <section class="panel two-thirds" aria-labelledby="sky-head">
      <header><h2 id="sky-head">Sky</h2><span class="dim small number">${clock(sky.utc)} UTC · LST ${hours(sky.lst_h)}</span></header>
      ${error ? html`<p class="message warn" role="alert">${error}</p>` : null}
      <div class="sky-place"><canvas ref=${canvas} style=${{ width: `${size}px`, height: `${size}px` }} tabindex="0" role="slider" aria-label="map of the sky; arrow keys go from object to object"
        aria-valuemin="0" aria-valuemax=${rows.length} aria-valuenow=${at + 1} aria-valuetext=${words || "nothing chosen"} onKeyDown=${onKey}
        onPointerMove=${point} onPointerLeave=${() => setPointed(null)} onClick=${point}></canvas></div>
      <p class="readout" aria-live="polite">${words || html`<span class="dim">North is up and east is left, as one sees it looking up. ${HINT} something for its name and place.</span>`}</p>
      <${Legend} />
    </section>
    <section class="panel third" aria-labelledby="where-head">
      <header><h2 id="where-head">What stands where</h2></header>
      <div class="scroll"><table><caption class="unseen">the telescope, targets, Sun, Moon and planets</caption>
        <thead><tr><th>object</th><th class="number">alt</th><th class="number">azimuth</th></tr></thead>
        <tbody>${rows.map((one) => html`<tr key=${one.key} class=${one === row ? "chosen" : ""}>
          <td class="wrap"><b>${one.href ? html`<a href=${one.href}>${one.label}</a>` : one.label}</b>${one.filter ? ` ${one.filter}` : ""}<div class="dim small">${one.what}</div></td>
          <td class="number">${angle(one.alt_deg)}</td><td class="number">${angle(one.az_deg)} ${compass(one.az_deg)}</td></tr>`)}</tbody></table></div>
      <${DomeWords} dome=${live.dome} />
    </section></div>`;
}

function DomeWords({ dome }) {
  if (!isNumber(dome?.Azimuth)) return null;
  return html`<p class="small">Dome slit at azimuth <b>${angle(dome.Azimuth)} ${compass(dome.Azimuth)}</b>, shutter ${String(dome.Shutter ?? "unknown").toLowerCase()}.</p>`;
}

const SAMPLES = [
  ["telescope", html`<circle cx="11" cy="8" r="5" fill="none" stroke="var(--accent)" stroke-width="2" /><path d="M1 8H6M16 8H21M11 0V3M11 13V16" stroke="var(--accent)" stroke-width="2" />`],
  ["runs, its path", html`<path d="M2 13Q9 3 20 3" fill="none" stroke="var(--accent)" stroke-width="2.5" /><circle cx="10" cy="6" r="4.500" fill="var(--accent)" />`],
  ["next", html`<circle cx="11" cy="8" r="5" fill="none" stroke="var(--good)" stroke-width="1.800" /><circle cx="11" cy="8" r="2" fill="var(--good)" />`],
  ["planned", html`<circle cx="11" cy="8" r="4.500" fill="none" stroke="var(--good)" stroke-width="1.800" />`],
  ["planet", html`<path d="M11 3.500 15.5 8 11 12.500 6.5 8Z" fill="var(--warn)" />`],
  ["out of limits", html`<path d="M1 2H21V14H1Z" fill="var(--dim)" opacity="0.3" />`],
  ["dome slit", html`<path d="M2 12Q11 3 20 12" fill="none" stroke="var(--accent)" stroke-width="5" />`],
];

function Legend() {
  return html`<ul class="legend small dim" aria-hidden="true">${SAMPLES.map(([text, line]) => html`<li><svg width="22" height="16" viewBox="0 0 22 16">${line}</svg>${text}</li>`)}</ul>`;
}
