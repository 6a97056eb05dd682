// Where the night's time went: the night from evening to morning, one bar of all of it, and the same as a table.
import { html } from "./vendor/preact-htm.js";
import { at_ms, clock, number } from "./format.js";

const WIDTH = 1000;
const GROUPS = {
  sky: { text: "on the sky", ink: "--good" },
  work: { text: "at work", ink: "--accent" },
  lost: { text: "lost", ink: "--bad" },
  idle: { text: "idle", ink: "--dim" },
  unknown: { text: "unknown", ink: "--text" },
};
const HATCH = { work: "M-2 2 2-2M0 8 8 0M6 10 10 6", lost: "M0 0 8 8M0 8 8 0", idle: "M0 4H8", unknown: "M4 0V8" };

const group = (row) => GROUPS[row.Group] ?? GROUPS.unknown;
const name = (row) => row.Words || row.Class;

/** Seconds as "7:32:05". */
export function hms(seconds) {
  const s = Math.round(seconds);
  const two = (n) => String(n).padStart(2, "0");
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

/** Classes of a group differ in strength, groups in colour and hatching. */
function strengths(ledger) {
  const seen = {};
  return new Map(ledger.map((row) => {
    seen[row.Group] = (seen[row.Group] ?? -1) + 1;
    return [row.Class, Math.max(0.35, 1 - 0.22 * seen[row.Group])];
  }));
}

function Hatches() {
  return html`<defs>${Object.entries(HATCH).map(([id, d]) => html`<pattern id=${`hatch-${id}`} width="8" height="8" patternUnits="userSpaceOnUse">
    <path d=${d} stroke="var(--panel)" stroke-width="1.400" fill="none" opacity="0.75" /></pattern>`)}</defs>`;
}

function Piece({ x, width, height, row, strength, title }) {
  const box = { x, width: Math.max(0.4, width), y: 0, height };
  return html`<g><title>${title}</title><rect ...${box} fill=${`var(${group(row).ink})`} opacity=${strength} />
    ${HATCH[row.Group] ? html`<rect ...${box} fill=${`url(#hatch-${row.Group})`} />` : null}</g>`;
}

export function Ledger({ reply }) {
  const ledger = reply.Ledger ?? [];
  const length = reply.Length || ledger.reduce((sum, row) => sum + row.Seconds, 0);
  const some = ledger.filter((row) => row.Seconds > 0).sort((a, b) => b.Seconds - a.Seconds);
  const none = ledger.filter((row) => !(row.Seconds > 0));
  const strength = strengths(some);
  const in_groups = Object.keys(GROUPS).flatMap((id) => some.filter((row) => row.Group === id));
  let x = 0;
  const pieces = in_groups.map((row) => {
    const width = (WIDTH * row.Seconds) / length;
    x += width;
    return html`<${Piece} x=${x - width} width=${width} height="40" row=${row} strength=${strength.get(row.Class)} title=${`${name(row)}: ${hms(row.Seconds)}, ${number(100 * row.Share, 1)} %`} />`;
  });
  const said = Object.entries(GROUPS)
    .map(([id, { text }]) => [text, some.filter((row) => row.Group === id).reduce((sum, row) => sum + row.Share, 0)])
    .filter(([, share]) => share >= 0.0005)
    .map(([text, share]) => `${number(100 * share, 1)} % ${text}`)
    .join(", ");
  if (!some.length) return html`<section class="panel"><h2>Where the time went</h2><p class="empty">This night has no length: the Sun did not go below the limit.</p></section>`;
  return html`<section class="panel" aria-labelledby="ledger-head"><header><h2 id="ledger-head">Where the time went</h2><span class="dim small">${hms(length)} from ${clock(reply.Begin)} to ${clock(reply.End)} UTC</span></header>
    <p>${said}</p>
    <svg class="ledger-bar" viewBox=${`0 0 ${WIDTH} 40`} preserveAspectRatio="none" role="img" aria-label=${`shares of the night: ${said}`}><${Hatches} />${pieces}</svg>
    <${Line} reply=${reply} ledger=${ledger} strength=${strength} />
    <div class="scroll"><table><caption class="unseen">classes of the night's time, the longest first</caption>
      <thead><tr><th>what</th><th>group</th><th class="number">time</th><th class="number">share</th></tr></thead>
      <tbody>${some.map((row) => html`<tr><td><svg class="swatch" width="18" height="14" aria-hidden="true"><${Piece} x="0" width="18" height="14" row=${row} strength=${strength.get(row.Class)} title="" /></svg> ${name(row)}</td>
        <td>${group(row).text}</td><td class="number">${hms(row.Seconds)}</td><td class="number">${number(100 * row.Share, 1)}\u202f%</td></tr>`)}
        <tr><td><b>the whole night</b></td><td></td><td class="number"><b>${hms(length)}</b></td><td class="number">${number(100 * some.reduce((sum, row) => sum + row.Share, 0), 1)}\u202f%</td></tr></tbody></table></div>
    ${none.length ? html`<p class="dim small wrap">Nothing of: ${none.map(name).join(", ")}.</p>` : null}
    <${Spans} reply=${reply} ledger=${ledger} />
  </section>`;
}

/** The night from evening to morning. */
function Line({ reply, ledger, strength }) {
  const [begin, end] = [at_ms(reply.Begin), at_ms(reply.End)];
  const spans = reply.Spans ?? [];
  if (!spans.length || !(end > begin)) return null;
  const place = (ms) => (WIDTH * (ms - begin)) / (end - begin);
  const first_hour = Math.ceil(begin / 3600e3) * 3600e3;
  const step = (end - begin > 9 * 3600e3 ? 2 : 1) * 3600e3;
  const hours = [];
  for (let ms = first_hour; ms < end; ms += step) hours.push(ms);
  return html`<div class="night-line"><svg class="ledger-bar" viewBox=${`0 0 ${WIDTH} 40`} preserveAspectRatio="none" role="img" aria-label="the night from evening to morning; the spans are in the table below">
      ${spans.map((span) => {
        const row = ledger.find((one) => one.Class === span.Class) ?? { Class: span.Class, Group: "unknown" };
        const [from, to] = [at_ms(span.From), at_ms(span.To)];
        return html`<${Piece} x=${place(from)} width=${place(to) - place(from)} height="40" row=${row} strength=${strength.get(row.Class) ?? 1} title=${`${clock(from)} – ${clock(to)} ${name(row)}${span.Why ? `: ${span.Why}` : ""}`} />`;
      })}</svg>
    <div class="hours small dim number" aria-hidden="true">${hours.map((ms) => html`<span style=${{ left: `clamp(1.4em, ${place(ms) / 10}%, 100% - 1.4em)` }}>${clock(ms)}</span>`)}</div></div>`;
}

function Spans({ reply, ledger }) {
  const spans = reply.Spans ?? [];
  if (!spans.length) return null;
  const words = (one) => ledger.find((row) => row.Class === one.Class)?.Words || one.Class;
  return html`<details><summary>${spans.length} ${spans.length === 1 ? "span" : "spans"}, in order</summary>
    ${reply["Spans Joined"] ? html`<p class="dim small">${reply["Spans Joined"]} short spans are shown as what lies before them.</p>` : null}
    <div class="scroll tall" tabindex="0" role="region" aria-label="spans"><table><thead><tr><th>from</th><th>to</th><th class="number">time</th><th>what</th><th>why</th></tr></thead>
      <tbody>${spans.map((one) => html`<tr><td class="number">${clock(one.From)}</td><td class="number">${clock(one.To)}</td><td class="number">${hms((at_ms(one.To) - at_ms(one.From)) / 1000)}</td>
        <td>${words(one)}</td><td class="wrap">${one.Why ?? ""}</td></tr>`)}</tbody></table></div></details>`;
}
