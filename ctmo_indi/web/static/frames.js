// The tab Frames: the latest picture, how sharp and how dark the night is, and every frame in a list.
import { html, useMemo, useState } from "./vendor/preact-htm.js";
import { at_ms, clock, isNumber, number } from "./format.js";
import { exposure, FramePicture, nameOf } from "./frame_picture.js";
import { QuantityChart } from "./frames_chart.js";
import { useFrames } from "./frames_data.js";
import { NightChoice } from "./night_choice.js";

export default function Frames({ store, order }) {
  const [night, setNight] = useState("");
  const [file, setFile] = useState(""); // empty: the latest
  const { reply, fault } = useFrames(store, order, night);
  const frames = reply?.Frames ?? [];
  const oldest_first = useMemo(() => frames.toReversed(), [reply]);
  const at = Math.max(0, frames.findIndex((one) => one.File === file));
  const frame = frames[at];
  const show = (one) => setFile(one.File);
  const shown_night = night || reply?.Night || "";
  const unit = frames.find((one) => one["FWHM Unit"])?.["FWHM Unit"] ?? "";
  const charts = [
    { key: "FWHM", title: "FWHM", unit, decimals: 1, least_span: 1 },
    { key: "Background", title: "background", unit: "adu", decimals: 0, least_span: 4 },
    { key: "Ellipticity", title: "ellipticity", unit: "", decimals: 2, least_span: 0.3 },
  ];
  return html`<div class="panels">
    <section class="panel" aria-labelledby="frames-head">
      <header><h2 id="frames-head">Frames${shown_night ? ` of the night ${shown_night.slice(0, 4)}-${shown_night.slice(4, 6)}-${shown_night.slice(6)}` : ""}</h2>
        <${NightChoice} night=${night} shown=${shown_night} now_text="latest" onNight=${(one) => { setNight(one); setFile(""); }} /></header>
      ${fault ? html`<p class="message bad wrap" role="alert">${fault.text}</p>` : null}
      ${reply ? html`<p class="dim" role="status">${count(reply)}</p>` : fault ? null : html`<p class="empty">asking …</p>`}
    </section>
    ${frame
      ? html`<${FramePicture} frame=${frame} is_latest=${file === "" || at === 0} onLatest=${() => setFile("")}
            onBefore=${at + 1 < frames.length ? () => show(frames[at + 1]) : null} onAfter=${at > 0 ? () => show(frames[at - 1]) : null} />
          <section class="panel half" aria-labelledby="quality-head"><header><h2 id="quality-head">Quality of the lights</h2><span class="dim small">press a point to see its frame</span></header>
            ${charts.map((one) => html`<${QuantityChart} key=${`${shown_night} ${one.key}`} row=${{ ...one, frames: oldest_first, chosen: frame, onChoose: show }} />`)}</section>
          <${List} frames=${frames} chosen=${frame} onChoose=${show} near=${at_ms(frames[0].Start)} />`
      : null}
  </div>`;
}

function count(reply) {
  const all = reply["Number of Frames"] ?? reply.Frames.length;
  if (!all && !reply.Waiting) return "There are no frames.";
  const said = [`${all} ${all === 1 ? "frame was" : "frames were"} looked at`];
  if (all > reply.Frames.length) said.push(`the newest ${reply.Frames.length} are shown`);
  if (reply.Waiting) said.push(`${reply.Waiting} ${reply.Waiting === 1 ? "waits" : "wait"}`);
  return `${said.join(", ")}.`;
}

const cell = (value, decimals) => (isNumber(value) ? number(value, decimals) : "");

function List({ frames, chosen, onChoose, near }) {
  const unit = frames.find((one) => one["FWHM Unit"])?.["FWHM Unit"];
  return html`<section class="panel" aria-labelledby="list-head"><h2 id="list-head">All frames</h2>
    <div class="scroll tall" tabindex="0" role="region" aria-labelledby="list-head"><table class="frames"><caption class="unseen">frames, newest first</caption>
      <thead><tr><th>UTC</th><th>object</th><th>filter</th><th class="number desk">exposure</th><th class="number">FWHM${unit ? `, ${unit}` : ""}</th><th class="number desk">ellipticity</th>
        <th class="number desk">stars</th><th class="number desk">background</th></tr></thead>
      <tbody>${frames.map((one) => html`<tr key=${one.File} class=${one === chosen ? "chosen" : ""}>
        <td><button class="plain number" aria-pressed=${one === chosen ? "true" : "false"} aria-label=${`show ${nameOf(one)}, ${clock(one.Start, near)}`} onClick=${() => onChoose(one)}>${clock(one.Start, near)}</button></td>
        <td class="wrap object"><b class="three-lines" title=${nameOf(one)}>${nameOf(one)}</b>${one.Problem ? html`<div class="small">${one.Problem}</div>` : null}</td><td>${one.Filter ?? ""}</td><td class="number desk">${exposure(one)}</td><td class="number">${cell(one.FWHM, 2)}</td>
        <td class="number desk">${cell(one.Ellipticity, 2)}</td><td class="number desk">${cell(one.Stars, 0)}</td><td class="number desk">${cell(one.Background, 1)}</td></tr>`)}</tbody></table></div></section>`;
}
