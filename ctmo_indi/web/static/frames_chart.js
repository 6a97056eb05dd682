// One quality figure of a night's frames against time; a click or tap on a point shows that frame.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { colour, loadUPlot } from "./charts.js";
import { at_ms, clock, isNumber, number } from "./format.js";

const HEIGHT_PX = 130;
const REACH_PX = 24;

/** `row`: {key, title, unit, decimals, least_span, frames (oldest first), chosen, onChoose}. */
export function QuantityChart({ row }) {
  const place = useRef(null);
  const plot = useRef(null);
  const latest = useRef();
  const [failed, setFailed] = useState("");
  latest.current = row;
  const points = row.frames.filter((one) => isNumber(one[row.key]) && Number.isFinite(at_ms(one.Start)));
  useEffect(() => {
    let is_shown = true;
    const make = async () => {
      try {
        const UPlot = await loadUPlot();
        const width = Math.floor(place.current?.clientWidth ?? 0);
        if (!is_shown || width < 50) return;
        if (plot.current) plot.current.setSize({ width, height: HEIGHT_PX });
        else plot.current = new UPlot(options(UPlot, width, latest), dataOf(latest.current), place.current);
      } catch (error) {
        setFailed(error.message);
      }
    };
    const sizes = new ResizeObserver(make);
    sizes.observe(place.current);
    const redraw = () => plot.current?.redraw(false, true);
    addEventListener("themechange", redraw);
    return () => {
      is_shown = false;
      sizes.disconnect();
      removeEventListener("themechange", redraw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current?.setData(dataOf(row)), [row.frames]);
  useEffect(() => plot.current?.redraw(false, false), [row.chosen]);
  const values = points.map((one) => one[row.key]).sort((a, b) => a - b);
  const said = values.length
    ? `${row.title}: from ${number(values[0], row.decimals)} to ${number(values[values.length - 1], row.decimals, row.unit)}, median ${number(values[values.length >> 1], row.decimals, row.unit)} of ${values.length} frames`
    : `${row.title}: nothing was measured`;
  return html`<figure class="quantity"><figcaption class="small">${said}</figcaption>
    ${failed ? html`<p class="message warn">${failed}</p>` : null}<div ref=${place} class=${values.length ? "" : "nothing"} aria-hidden="true"></div></figure>`;
}

const told = (row) => row.frames.filter((one) => isNumber(one[row.key]) && Number.isFinite(at_ms(one.Start)));
const dataOf = (row) => {
  const frames = told(row);
  return [frames.map((one) => at_ms(one.Start) / 1000), frames.map((one) => one[row.key])];
};

function options(UPlot, width, latest) {
  const ink = () => colour("--dim");
  const grid = { stroke: () => colour("--line"), width: 1 };
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const { decimals } = latest.current;
  return {
    width, height: HEIGHT_PX,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 9 } },
    tzDate: (s) => UPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
    scales: { x: { time: true }, y: { range: (_, low, high) => padded(low, high, latest.current.least_span) } },
    axes: [
      { stroke: ink, grid, ticks: grid, font, size: 26, space: 56, values: (_, s) => s.map((one) => clock(one * 1000)) },
      { stroke: ink, grid, ticks: grid, font, size: 52, space: 28, values: (_, all) => all.map((one) => number(one, all.length > 1 && all[1] - all[0] < 1 ? Math.max(decimals, 1) : decimals)) },
    ],
    series: [{}, { stroke: () => colour("--line"), width: 1, points: { show: true, size: 6, width: 1.5, stroke: () => colour("--accent"), fill: () => colour("--accent") } }],
    hooks: {
      draw: [(u) => ring(u, latest.current)],
      ready: [(u) => u.over.addEventListener("click", (event) => {
        const box = u.over.getBoundingClientRect();
        const x = event.clientX - box.left;
        const near = told(latest.current).map((one) => ({ one, away: Math.abs(u.valToPos(at_ms(one.Start) / 1000, "x") - x) })).sort((a, b) => a.away - b.away)[0];
        if (near && near.away < REACH_PX) latest.current.onChoose(near.one);
      })],
    },
  };
}

/** Room around the values; what hardly changes is not drawn as if it did. */
function padded(low, high, least_span) {
  if (!isNumber(low)) return [0, least_span];
  const span = Math.max(least_span, (high - low) * 1.25);
  const from = (low + high - span) / 2;
  return low >= 0 && from < 0 ? [0, span] : [from, from + span];
}

/** Around the frame that is shown. */
function ring(u, { key, chosen }) {
  if (!chosen || !isNumber(chosen[key])) return;
  const ratio = devicePixelRatio || 1;
  u.ctx.save();
  u.ctx.setLineDash([]);
  u.ctx.strokeStyle = colour("--text");
  u.ctx.lineWidth = 2 * ratio;
  u.ctx.beginPath();
  u.ctx.arc(u.valToPos(at_ms(chosen.Start) / 1000, "x", true), u.valToPos(chosen[key], "y", true), 7 * ratio, 0, 2 * Math.PI);
  u.ctx.stroke();
  u.ctx.restore();
}
