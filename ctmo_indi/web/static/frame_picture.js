// The picture of one frame, stretched by the observatory, with what was measured in it.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { getPicture } from "./api.js";
import { dateTime, isNumber, number } from "./format.js";

/** Load the picture of a frame; the old one stays until the new one is there. */
function usePicture(frame) {
  const [shown, setShown] = useState({ file: "", address: "", error: "" });
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    if (!frame) return undefined;
    let is_wanted = true;
    getPicture(`/api/picture?file=${encodeURIComponent(frame.File)}&night=${encodeURIComponent(frame.Night ?? "")}`).then(
      (address) => (is_wanted ? setShown({ file: frame.File, address, error: "" }) : URL.revokeObjectURL(address)),
      (error) => is_wanted && setShown({ file: frame.File, address: "", error: error.message }),
    );
    return () => {
      is_wanted = false;
    };
  }, [frame?.File, asked]);
  useEffect(() => () => shown.address && URL.revokeObjectURL(shown.address), [shown.address]);
  const again = () => {
    setShown((before) => ({ ...before, error: "" }));
    setAsked((n) => n + 1);
  };
  return { ...shown, again };
}

export const nameOf = (frame) => frame.Object || frame["Frame Type"] || frame.File;

export const exposure = (frame) => (isNumber(frame["Exposure Time"]) ? number(frame["Exposure Time"], frame["Exposure Time"] < 10 ? 2 : 0, "s") : "");

export function FramePicture({ frame, is_latest, onBefore, onAfter, onLatest }) {
  const [is_full, setFull] = useState(false);
  const picture = usePicture(frame);
  const is_there = frame && picture.file === frame.File && picture.address;
  const alt = `${nameOf(frame)}${frame.Filter ? `, filter ${frame.Filter}` : ""}, ${exposure(frame)}, ${dateTime(frame.Start)} UTC`;
  return html`<section class="panel half" aria-labelledby="picture-head">
    <header><h2 id="picture-head" class="wrap">${nameOf(frame)} ${frame.Filter ? html`<span class="chip">${frame.Filter}</span>` : null}</h2>
      <span class="row"><button aria-label="the frame before" disabled=${!onBefore} onClick=${onBefore}>‹</button><button aria-label="the frame after" disabled=${!onAfter} onClick=${onAfter}>›</button>
        <button aria-pressed=${is_latest ? "true" : "false"} onClick=${onLatest}>latest</button></span></header>
    <div class=${`frame-place${is_full ? " full" : ""}${is_there ? "" : " waiting"}`} tabindex=${is_full ? 0 : -1}>
      ${picture.address ? html`<img src=${picture.address} alt=${is_there ? alt : ""} />` : html`<p class="dim">${picture.error ? html`No picture: ${picture.error}<br /><button onClick=${picture.again}>Try again</button>` : "the picture comes …"}</p>`}
    </div>
    <div class="row spread small"><span class="dim wrap">${exposure(frame)} · ${dateTime(frame.Start)} UTC · <span class="mono">${frame.File}</span></span>
      <button aria-pressed=${is_full ? "true" : "false"} onClick=${() => setFull(!is_full)}>pixel by pixel</button></div>
    ${frame.Problem ? html`<p class="message warn wrap">${frame.Problem}</p>` : null}
    <dl class="pairs small">
      ${figures(frame).map(([name, value]) => html`<dt>${name}</dt><dd class="number">${value}</dd>`)}
    </dl></section>`;
}

function figures(frame) {
  const rows = [
    ["FWHM", frame.FWHM, 2, frame["FWHM Unit"] ?? ""],
    ["ellipticity", frame.Ellipticity, 2, ""],
    ["stars", frame.Stars, 0, ""],
    ["background", frame.Background, 1, "adu"],
    ["median", frame.Median, 1, "adu"],
  ];
  const told = rows.filter(([, value]) => isNumber(value)).map(([name, value, decimals, unit]) => [name, number(value, decimals, unit)]);
  if (isNumber(frame.Saturated)) told.push(["saturated", `${number(100 * frame.Saturated, frame.Saturated < 0.01 ? 3 : 1)} % of the pixels`]);
  return told;
}
