// The tab Now: is it safe, what runs, what is next, where does everything point.
import { html } from "./vendor/preact-htm.js";
import { DomeDrawing } from "./now_drawing.js";
import { Run } from "./now_run.js";
import { VerdictPanel } from "./now_verdict.js";
import { Weather } from "./now_weather.js";

export default function Now({ store, order }) {
  return html`<div class="panels">
    <${VerdictPanel} store=${store} />
    <${Run} store=${store} order=${order} />
    <${DomeDrawing} store=${store} />
    <${Weather} store=${store} order=${order} />
  </div>`;
}
