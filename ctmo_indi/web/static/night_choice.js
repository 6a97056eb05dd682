// Choose a night: the one before, a date, the one after, or tonight.
import { html } from "./vendor/preact-htm.js";

const date = (night) => `${night.slice(0, 4)}-${night.slice(4, 6)}-${night.slice(6)}`;
const shifted = (night, days) => new Date(Date.parse(date(night)) + days * 86400e3).toISOString().slice(0, 10).replaceAll("-", "");

/** `shown` is the night that is on the page, YYYYMMDD; empty while that is not known. */
export function NightChoice({ night, shown = night, onNight, now_text = "tonight" }) {
  const on = (event) => /^\d{4}-\d\d-\d\d$/.test(event.target.value) && onNight(event.target.value.replaceAll("-", ""));
  return html`<span class="row night-choice">
    <button aria-label="the night before" disabled=${!shown} onClick=${() => onNight(shifted(shown, -1))}>‹</button>
    <input type="date" aria-label="night, by its evening" value=${shown ? date(shown) : ""} onChange=${on} />
    <button aria-label="the night after" disabled=${!shown} onClick=${() => onNight(shifted(shown, 1))}>›</button>
    <button aria-pressed=${night ? "false" : "true"} onClick=${() => onNight("")}>${now_text}</button>
  </span>`;
}
