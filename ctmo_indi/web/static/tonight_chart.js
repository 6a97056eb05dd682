// Altitude against time: twilight, Moon, limits, holds, what was done, runs and is planned. Drawn by uPlot and its hooks.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { colour, loadUPlot } from "./charts.js";
import { airmass, altitudeAt } from "./night_data.js";
import { at_ms, clock, number } from "./format.js";
import { drawNames } from "./tonight_names.js";

const AIRMASSES = [1, 1.1, 1.2, 1.5, 2, 3];
const LIGHT = { day: 0.3, civil: 0.21, nautical: 0.13, astronomical: 0.06, night: 0 };
const NARROW_PX = 560;
const BAR_PX = 7;

const altitudeOfAirmass = (mass) => {
  let [low, high] = [0, 90];
  while (high - low > 0.01) {
    const middle = (low + high) / 2;
    if (airmass(middle) > mass) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
};
const AIRMASS_DEG = AIRMASSES.map(altitudeOfAirmass);

function band(u, from_ms, to_ms, low_deg, high_deg) {
  const left = Math.max(u.bbox.left, u.valToPos(from_ms / 1000, "x", true));
  const right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(to_ms / 1000, "x", true));
  const [top, bottom] = [u.valToPos(high_deg, "y", true), u.valToPos(low_deg, "y", true)];
  return [left, top, Math.max(0, right - left), bottom - top];
}

/** Behind the curves: light of the sky, limits, and when safety held the night up. */
function drawBehind(u, view) {
  const { ctx } = u;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.setLineDash([]);
  ctx.fillStyle = colour("--warn");
  for (const span of view.twilight) {
    ctx.globalAlpha = LIGHT[span.kind] ?? 0;
    ctx.fillRect(...band(u, at_ms(span.from), at_ms(span.to), 0, 90));
  }
  const [begin_ms, end_ms] = [at_ms(view.begin), at_ms(view.end)];
  ctx.fillStyle = ctx.strokeStyle = colour("--dim");
  const { horizon_deg, max_altitude_deg } = view.limits;
  for (const [low, high, edge] of [[0, horizon_deg, horizon_deg], [max_altitude_deg, 90, max_altitude_deg]]) {
    if (high - low < 0.5) continue;
    ctx.globalAlpha = 0.22;
    ctx.fillRect(...band(u, begin_ms, end_ms, low, high));
    ctx.globalAlpha = 0.9;
    ctx.lineWidth = ratio;
    const y = Math.round(u.valToPos(edge, "y", true)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(u.bbox.left, y);
    ctx.lineTo(u.bbox.left + u.bbox.width, y);
    ctx.stroke();
  }
  ctx.strokeStyle = ctx.fillStyle = colour("--bad");
  for (const hold of view.holds) {
    const [x, y, width, height] = band(u, at_ms(hold.from), at_ms(hold.to || view.now), 0, 90);
    ctx.save();
    ctx.globalAlpha = 0.1;
    ctx.fillRect(x, y, Math.max(width, ratio), height);
    ctx.beginPath();
    ctx.rect(x, y, Math.max(width, ratio), height);
    ctx.clip();
    ctx.globalAlpha = 0.45;
    ctx.lineWidth = ratio;
    ctx.beginPath();
    for (let at = x - height; at < x + width; at += 9 * ratio) {
      ctx.moveTo(at, y + height);
      ctx.lineTo(at + height, y);
    }
    ctx.stroke();
    ctx.restore();
  }
  ctx.restore();
}

function trace(u, row, from_ms, to_ms, path) {
  const { ctx } = u;
  ctx.beginPath();
  path.forEach((altitude, i) => {
    const ms = from_ms + ((to_ms - from_ms) * i) / Math.max(1, path.length - 1);
    ctx[i ? "lineTo" : "moveTo"](u.valToPos(ms / 1000, "x", true), u.valToPos(altitude, "y", true));
  });
}

const INK = { done: "--good", running: "--accent", lost: "--bad", next: "--text", planned: "--text" };

function drawRow(u, row, is_chosen) {
  const { ctx } = u;
  const ratio = devicePixelRatio || 1;
  const wide = (BAR_PX + (is_chosen ? 4 : 0)) * ratio;
  ctx.lineCap = "butt";
  ctx.strokeStyle = colour(INK[row.state] ?? "--text");
  if (row.planned_deg.length) {
    ctx.lineWidth = 2 * ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    trace(u, row, row.start_ms, row.until_ms, row.planned_deg);
    ctx.stroke();
    ctx.setLineDash([]);
  }
  trace(u, row, row.start_ms, row.end_ms, row.altitude_deg);
  ctx.lineWidth = wide;
  ctx.stroke();
  if (row.state === "planned" || row.state === "next") {
    const edge_ms = (1.4e3 * (u.scales.x.max - u.scales.x.min) * ratio) / u.bbox.width;
    if (row.end_ms - row.start_ms <= 2 * edge_ms) return;
    ctx.strokeStyle = colour("--panel"); // hollow: not yet
    ctx.lineWidth = wide - 2.8 * ratio;
    trace(u, row, row.start_ms + edge_ms, row.end_ms - edge_ms, row.altitude_deg);
    ctx.stroke();
  } else if (row.state === "lost") {
    const x = u.valToPos((row.start_ms + row.end_ms) / 2000, "x", true);
    const y = u.valToPos(row.altitude_deg[Math.floor(row.altitude_deg.length / 2)], "y", true);
    const arm = 6 * ratio;
    ctx.lineWidth = 2 * ratio;
    ctx.beginPath();
    ctx.moveTo(x - arm, y - arm);
    ctx.lineTo(x + arm, y + arm);
    ctx.moveTo(x - arm, y + arm);
    ctx.lineTo(x + arm, y - arm);
    ctx.stroke();
  }
}

function drawNow(u, now_ms) {
  const x = u.valToPos(now_ms / 1000, "x", true);
  if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
  const { ctx } = u;
  const ratio = devicePixelRatio || 1;
  ctx.strokeStyle = ctx.fillStyle = colour("--accent");
  ctx.lineWidth = 1.5 * ratio;
  ctx.beginPath();
  ctx.moveTo(x, u.bbox.top);
  ctx.lineTo(x, u.bbox.top + u.bbox.height);
  ctx.stroke();
  ctx.font = `600 ${11 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
  const is_right = x > u.bbox.left + u.bbox.width - 40 * ratio;
  ctx.textAlign = is_right ? "right" : "left";
  ctx.textBaseline = "top";
  ctx.fillText("now", x + (is_right ? -4 : 4) * ratio, u.bbox.top + 3 * ratio);
}

function options(UPlot, latest, width, height, onTime) {
  const is_narrow = width < NARROW_PX;
  const ink = () => colour("--dim");
  const grid = { stroke: () => colour("--line"), width: 1 };
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  return {
    width, height,
    padding: [10, is_narrow ? 12 : 4, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: true, dist: 8 } },
    scales: { x: { time: true }, y: { range: [0, 90] }, mass: { range: [0, 90] } },
    tzDate: (s) => UPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
    axes: [
      { stroke: ink, grid, ticks: grid, font, size: 32, space: is_narrow ? 44 : 56, values: (_, s) => s.map((one) => clock(one * 1000)) },
      { stroke: ink, grid, ticks: grid, font, size: 38, splits: () => [0, 15, 30, 45, 60, 75, 90], values: (_, deg) => deg.map((one) => `${one}°`) },
      ...(is_narrow ? [] : [{ scale: "mass", side: 1, stroke: ink, grid: { show: false }, ticks: grid, font, size: 46, splits: () => AIRMASS_DEG, values: () => AIRMASSES.map((one) => `${one}`), label: "air mass", labelSize: 16, labelFont: font }]),
    ],
    series: [
      {},
      { label: "Moon", scale: "y", stroke: () => colour("--warn"), width: 1.5, dash: [6, 4], points: { show: false } },
      ...(is_narrow ? [] : [{ scale: "mass", show: true, points: { show: false }, stroke: "transparent" }]),
    ],
    hooks: {
      drawClear: [(u) => drawBehind(u, latest.current.view)],
      draw: [(u) => {
        const { rows, chosen, now_ms } = latest.current;
        u.ctx.save();
        u.ctx.setLineDash([]); // as the last curve left it
        u.ctx.beginPath();
        u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
        u.ctx.clip();
        const drawn = rows.filter((row) => row.altitude_deg.length);
        for (const row of drawn) drawRow(u, row, row === chosen);
        drawNames(u, drawn, now_ms());
        drawNow(u, now_ms());
        u.ctx.restore();
      }],
      setCursor: [(u) => onTime(u.cursor.left >= 0 ? 1000 * u.posToVal(u.cursor.left, "x") : NaN, u.cursor.top >= 0 ? u.posToVal(u.cursor.top, "y") : NaN)],
    },
  };
}

const dataOf = (view, width) => [view.utc_s, view.moon_deg.map((one) => (one > 0 ? one : null)), ...(width < NARROW_PX ? [] : [view.utc_s.map(() => null)])];

/** What stands at an instant: the row under the pointer, or Sun and Moon. */
export function readout(view, rows, ms, altitude_deg) {
  const here = rows.filter((row) => ms >= row.start_ms && ms <= row.end_ms && row.altitude_deg.length);
  const far = (row) => Math.abs(altitudeAt(row, ms) - altitude_deg);
  return here.sort((a, b) => far(a) - far(b))[0] ?? null;
}

export function rowWords(row, ms, near_ms) {
  const at = Number.isFinite(altitudeAt(row, ms)) ? ms : (row.start_ms + row.end_ms) / 2;
  const altitude = altitudeAt(row, at);
  const mass = airmass(altitude);
  const sky = Number.isFinite(altitude) ? `, ${clock(at, near_ms)} at ${number(altitude, 0, "°")}, air mass ${Number.isFinite(mass) ? number(mass, 2) : "–"}` : "";
  return `${row.label}${row.filter ? `, ${row.filter}` : ""}: ${clock(row.start_ms, near_ms)} – ${clock(row.until_ms || row.end_ms, near_ms)}${sky}, ${row.word.toLowerCase().replaceAll("_", " ")}`;
}

export function TonightChart({ store, view, rows, chosen, onChoose, onPoint, words }) {
  const place = useRef(null);
  const latest = useRef();
  const plot = useRef(null);
  const [failed, setFailed] = useState("");
  latest.current = { view, rows, chosen, onPoint, now_ms: () => store.sky_ms() };
  useEffect(() => {
    let is_shown = true;
    let made_px = 0;
    const make = async () => {
      try {
        const UPlot = await loadUPlot();
        const width = Math.floor(place.current?.clientWidth ?? 0);
        if (!is_shown || width < 50 || width === made_px) return;
        if (plot.current && width < NARROW_PX === made_px < NARROW_PX) plot.current.setSize({ width, height: plot.current.height });
        else {
          plot.current?.destroy();
          const onTime = (ms, altitude) => latest.current.onPoint(ms, altitude);
          plot.current = new UPlot(options(UPlot, latest, width, width < NARROW_PX ? 260 : 360, onTime), dataOf(latest.current.view, width), place.current);
        }
        made_px = width;
      } catch (error) {
        setFailed(error.message);
      }
    };
    const sizes = new ResizeObserver(make);
    sizes.observe(place.current);
    const redraw = () => plot.current?.redraw(false, true);
    const timer = setInterval(redraw, 2000);
    addEventListener("themechange", redraw);
    return () => {
      is_shown = false;
      clearInterval(timer);
      sizes.disconnect();
      removeEventListener("themechange", redraw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [view.night, view.begin, view.end]);
  useEffect(() => plot.current?.setData(dataOf(view, plot.current.width), false), [view]);
  useEffect(() => plot.current?.redraw(false, false), [rows, chosen]);
  const placed = rows.filter((row) => row.altitude_deg.length);
  const at = placed.indexOf(chosen);
  const onKey = (event) => {
    const to = { ArrowRight: at + 1, ArrowLeft: at < 0 ? placed.length - 1 : at - 1, Home: 0, End: placed.length - 1 }[event.key];
    if (event.key === "Escape") onChoose(null);
    if (to === undefined || !placed.length) return;
    event.preventDefault();
    onChoose(placed[Math.min(placed.length - 1, Math.max(0, to))]);
  };
  return html`<div class="chart" tabindex="0" role="slider" aria-label="altitude against time; arrow keys go from visit to visit" aria-valuemin="0"
      aria-valuemax=${placed.length} aria-valuenow=${at + 1} aria-valuetext=${words} onKeyDown=${onKey}>
    ${failed ? html`<p class="message warn">${failed}</p>` : null}<div ref=${place} aria-hidden="true"></div></div>`;
}
