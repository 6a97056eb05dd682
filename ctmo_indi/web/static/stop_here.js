// A STOP for where the page's own cannot be reached: in a dialogue, which keeps all behind it from being pressed.
import { html } from "./vendor/preact-htm.js";

export const PRESSED = "stop-pressed"; // event of the window

/** Hidden by the style sheet where the caller may not stop. */
export const StopHere = () =>
  html`<button type="button" class="stop here" onClick=${() => dispatchEvent(new Event(PRESSED))}>STOP</button>`;
