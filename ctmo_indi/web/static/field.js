// One field of a form: label, unit, tip, and what is wrong with it, tied together for screen readers.
import { html } from "./vendor/preact-htm.js";

export const idOf = (path) => `f-${path.replace(/[^A-Za-z0-9]+/g, "-")}`;

/** `field` is a row of a table of fields (order_fields.js); `options` of a choice may come from elsewhere. */
export function Field({ field, value, wrong, options, onChange }) {
  const id = idOf(field.path);
  const said = [wrong && `${id}-wrong`, field.tip && `${id}-tip`].filter(Boolean).join(" ") || undefined;
  const common = {
    id,
    name: field.path,
    value: value ?? "",
    "aria-invalid": wrong ? "true" : undefined,
    "aria-describedby": said,
    "aria-required": field.needed ? "true" : undefined,
  };
  const set = (event) => onChange(field.path, event.target.value);
  const choices = options ?? field.options;
  return html`<div class=${`field${field.wide ? " wide" : field.two ? " two" : ""}`}>
    <label for=${id}>${field.title}${field.unit ? html` <span class="unit">(${field.unit})</span>` : null}${field.needed ? " *" : ""}</label>
    ${
      field.kind === "choice"
        ? html`<select ...${common} onChange=${set}>${field.needed || field.optional ? html`<option value="">–</option>` : null}${(choices ?? []).map((one) => html`<option value=${one}>${one}</option>`)}</select>`
        : html`<input ...${common} type="text" placeholder=${field.kind === "instant" ? "2026-11-24 03:00" : undefined} inputmode=${field.kind === "number" || field.kind === "whole" ? "decimal" : undefined}
          maxlength="128" autocomplete="off" spellcheck=${false} onInput=${set} />`
    }
    ${field.tip ? html`<span class="tip" id=${`${id}-tip`}>${field.tip}</span>` : null}
    ${wrong ? html`<span class="wrong wrap" id=${`${id}-wrong`}>${wrong}</span>` : null}
  </div>`;
}
