// The rest of a night report: orders, frames, faults, calibration frames that lack. All of it is text.
import { html } from "./vendor/preact-htm.js";
import { clock, isNumber, number } from "./format.js";
import { hms } from "./report_ledger.js";
import { plain, State } from "./words.js";

const OUTCOMES = { done: "Ok", progress: "Busy", failed: "Alert", tried: "Busy", waiting: "Idle", ended: "Idle" };

function Table({ id, title, note, heads, rows }) {
  if (!rows.length) return null;
  return html`<section class="panel" aria-labelledby=${id}><header><h2 id=${id}>${title}</h2>${note ? html`<span class="dim small">${note}</span>` : null}</header>
    <div class="scroll"><table class="report cards"><thead><tr>${heads.map(([text, is_number]) => html`<th class=${is_number ? "number" : ""}>${text}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr>${row.map((cell, i) => html`<td class=${heads[i][1] ? "number" : "wrap"} data-head=${heads[i][0]}>${cell}</td>`)}</tr>`)}</tbody></table></div></section>`;
}

export function Orders({ reply }) {
  const orders = reply.Orders ?? [];
  const counts = Object.entries(reply["Order Counts"] ?? {}).filter(([, count]) => count).map(([word, count]) => `${count} ${word}`).join(", ");
  const rows = orders.map((one) => [
    html`<a href=${`#orders/${encodeURIComponent(one.Receipt)}`}><b>${one.Object || one.ID || one.Receipt}</b></a>`,
    one.Filter ?? "",
    one.User ?? "",
    html`<${State} of="indi" word=${OUTCOMES[one.Outcome] ?? "Idle"} text=${plain(one.Outcome)} />`,
    `${one["Good Exposures"] ?? 0} of ${one["Number of Exposures"] ?? "–"}`,
    `${one.Attempts ?? 0}${one["Failed Attempts"] ? `, ${one["Failed Attempts"]} failed` : ""}`,
    one.Why ?? "",
  ]);
  return html`<${Table} id="orders-head" title="Orders" note=${counts} heads=${[["object"], ["filter"], ["user"], ["outcome"], ["frames", true], ["attempts", true], ["why"]]} rows=${rows} />`;
}

export function FramesTaken({ reply }) {
  const rows = (reply.Frames ?? []).map((one) => [
    one["Frame Type"], one.Filter ?? "", one.Frames, isNumber(one.Exposing) ? hms(one.Exposing) : "", isNumber(one.FWHM) ? number(one.FWHM, 2, one["FWHM Unit"] ?? "") : "", one.Measured ?? "",
  ]);
  const quality = reply.Quality ?? {};
  const note = [isNumber(quality.FWHM) ? `FWHM ${number(quality.FWHM, 2, quality["FWHM Unit"] ?? "")}` : "", isNumber(quality.Ellipticity) ? `ellipticity ${number(quality.Ellipticity, 2)}` : "", quality.Note ?? ""].filter(Boolean).join(", ");
  return html`<${Table} id="taken-head" title="Frames" note=${note} heads=${[["kind"], ["filter"], ["frames", true], ["exposed", true], ["FWHM, median", true], ["measured", true]]} rows=${rows} />
    <${Table} id="bad-head" title="Frames with a problem" heads=${[["file"], ["problem"]]} rows=${(quality.Problems ?? []).map((one) => [html`<span class="wrap">${one.File}</span>`, one.Problem])} />`;
}

export function Faults({ reply }) {
  const rows = (reply.Faults ?? []).map((one) => [one.Kind, one.What, one.Times, clock(one.First), clock(one.Last)]);
  return html`<${Table} id="faults-head" title="What went wrong" heads=${[["kind"], ["what"], ["times", true], ["first", true], ["last", true]]} rows=${rows} />`;
}

export function Debt({ reply }) {
  const rows = (reply.Debt ?? []).map((one) => [
    one["Frame Type"] ?? "", one["Number of Exposures"] ?? "", isNumber(one["Exposure Time"]) ? number(one["Exposure Time"], 1, "s") : "", one.Filter ?? "",
    Array.isArray(one.Lights) ? one.Lights.length : (one.Lights ?? ""), one.Because ?? one.Obstacle ?? "",
  ]);
  return html`${reply["Debt Note"] ? html`<p class="message wrap">Calibration frames: ${reply["Debt Note"]}</p>` : null}
    <${Table} id="debt-head" title="Calibration frames that are lacking" heads=${[["kind"], ["frames", true], ["exposure", true], ["filter"], ["lights that wait", true], ["why"]]} rows=${rows} />`;
}
