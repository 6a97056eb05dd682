// Dome and mount, drawn: from above (north up, east right, as on a map) and from the side.
import { html } from "./vendor/preact-htm.js";
import { device, telescopeHeard } from "./device.js";
import { declination, isNumber, number, rightAscension, span } from "./format.js";
import { useStore, useTick } from "./store.js";
import { plain, State } from "./words.js";

const SLIT_DEG = 13; // half the slit, for the eye only
const RIM = 92;
const radians = Math.PI / 180;
const at = (azimuth_deg, radius) => [
  Math.sin(azimuth_deg * radians) * radius,
  -Math.cos(azimuth_deg * radians) * radius,
];
/** "open" or "closed"; "unknown" whatever else it is, on its way as well: nothing is drawn closed that may be open. */
const shutterOf = (dome) =>
  dome?.Connected === false ? "unknown" : ({ OPEN: "open", CLOSED: "closed" })[dome?.Shutter] ?? "unknown";
const text = (point) => point.map((x) => x.toFixed(1)).join(" ");

function arc(from_deg, to_deg, radius) {
  const large = (to_deg - from_deg + 360) % 360 > 180 ? 1 : 0;
  return `M${text(at(from_deg, radius))}A${radius} ${radius} 0 ${large} 1 ${text(at(to_deg, radius))}`;
}

/** From above: the slit as a gap of the rim, the tube as seen from the zenith. */
function Plan({ dome, mount }) {
  const slit = dome?.Azimuth;
  const shutter = shutterOf(dome);
  const tube = isNumber(mount?.Azimuth) ? at(mount.Azimuth, 18 + 52 * Math.cos((mount.Altitude ?? 0) * radians)) : null;
  const sight = tube && isNumber(mount.Azimuth) ? at(mount.Azimuth, RIM + 4) : null;
  return html`<svg viewBox="-112 -112 224 224" class="drawing" aria-hidden="true">
    <circle r=${RIM} class="floor" />
    ${Array.from({ length: 12 }, (_, i) => i * 30).map((az) => html`<path class="tick" d=${`M${text(at(az, RIM - 5))}L${text(at(az, RIM))}`} />`)}
    ${
      isNumber(slit)
        ? html`<path class="rim" d=${arc(slit + SLIT_DEG, slit - SLIT_DEG, RIM)} />
          ${shutter === "open" ? html`<path class="opening" d=${`M0 0L${text(at(slit - SLIT_DEG, RIM))}A${RIM} ${RIM} 0 0 1 ${text(at(slit + SLIT_DEG, RIM))}Z`} />` : html`<path class=${`shutter ${shutter}`} d=${arc(slit - SLIT_DEG, slit + SLIT_DEG, RIM)} />`}
          <path class="edge" d=${[-1, 1].map((side) => `M${text(at(slit + side * SLIT_DEG, RIM - 8))}L${text(at(slit + side * SLIT_DEG, RIM + 6))}`).join("")} />`
        : html`<circle r=${RIM} class="rim unknown" />`
    }
    ${sight && mount.Tracking ? html`<path class="sight" d=${`M${text(tube)}L${text(sight)}`} />` : null}
    ${tube ? html`<path class="tube" d=${`M${text(tube.map((x) => -x * 0.35))}L${text(tube)}`} /><circle r="5" class="pier" />` : null}
    ${[
      ["N", 0],
      ["E", 90],
      ["S", 180],
      ["W", 270],
    ].map(([name, az]) => html`<text x=${at(az, 103)[0]} y=${at(az, 103)[1] + 4}>${name}</text>`)}
  </svg>`;
}

/** From the side: how high it points, and whether the shutter is open. */
function Side({ dome, mount }) {
  const altitude = mount?.Altitude;
  const shown = isNumber(altitude) ? Math.max(-10, altitude) : null;
  const end = shown === null ? null : [Math.cos(shown * radians) * 62, -Math.sin(shown * radians) * 62];
  const shutter = shutterOf(dome);
  const point = (deg, r) => [Math.cos(deg * radians) * r, -Math.sin(deg * radians) * r];
  const shell = (from, to, r) => `M${text(point(from, r))}A${r} ${r} 0 0 0 ${text(point(to, r))}`;
  return html`<svg viewBox="-112 -112 224 150" class="drawing" aria-hidden="true">
    <path class="ground" d="M-108 18H108" /><path class="wall" d="M-92 18V0M92 18V0" />
    <path class="rim" d=${shell(105, 180, RIM)} />
    ${shutter === "open" ? null : html`<path class=${`shutter ${shutter}`} d=${shell(8, 105, RIM)} />`}
    ${[0, 30, 60, 90].map((deg) => html`<path class="tick" d=${`M${text(point(deg, 76))}L${text(point(deg, 82))}`} />`)}
    ${end ? html`<path class="tube" d=${`M${text(end.map((x) => -x * 0.35))}L${text(end)}`} />` : null}<path class="pierpost" d="M0 0V18" /><circle r="5" class="pier" />
    ${[
      [0, "0°"],
      [30, "30°"],
      [60, "60°"],
    ].map(([deg, name]) => html`<text x=${point(deg, 66)[0]} y=${point(deg, 66)[1] + 3} class="mark">${name}</text>`)}
  </svg>`;
}

const moves = (mount) =>
  mount.Slewing ? "slewing" : mount.Parked ? "parked" : mount.Tracking ? "tracking" : "stands still";

export function DomeDrawing({ store }) {
  useTick(1);
  useStore(store, (s) => s.services.telescope);
  useStore(store, (s) => s.telemetry);
  const [dome, mount] = [device(store, "Dome"), device(store, "Mount")];
  const heard = telescopeHeard(store);
  const observatory = heard ? store.services.telescope.reply.Observatory : null;
  const age_s = store.services.telescope?.reply ? store.age_s("telescope") : NaN;
  const shutter = dome?.Shutter ?? "UNKNOWN";
  const words = `Dome slit at azimuth ${number(dome?.Azimuth, 0)} degrees, shutter ${shutter.toLowerCase()}. Telescope ${mount ? moves(mount) : "unknown"}, azimuth ${number(mount?.Azimuth, 0)}, altitude ${number(mount?.Altitude, 0)} degrees.`;
  return html`<section class="panel half" aria-labelledby="dome-head">
    <header><h2 id="dome-head">Dome and mount</h2><${State} of="observatory" word=${observatory ?? "UNKNOWN"} about="observatory" /></header>
    ${heard ? null : html`<p class="message warn">${isNumber(age_s) ? `The telescope service has not been heard for ${span(age_s)}: what is shown is that old.` : "The telescope service has not been heard."}</p>`}
    <div class="drawings" role="img" aria-label=${words}><${Plan} dome=${dome} mount=${mount} /><${Side} dome=${dome} mount=${mount} /></div>
    <div class="pairs-two">
      <dl class="pairs">
        <dt>shutter</dt><dd><${State} of="observatory" word=${shutter} /></dd>
        <dt>slit azimuth</dt><dd class="number">${number(dome?.Azimuth, 1, "°")}</dd>
        <dt>dome</dt><dd>${dome ? (dome.Connected === false ? "not connected" : dome.Moving ? "turning" : dome.Parked ? "parked" : "still") : "–"}</dd>
        <dt>link</dt><dd><${State} of="link" word=${heard ? store.services.telescope.reply.Link ?? "DOWN" : "silent"} text=${heard ? undefined : "not heard"} /></dd>
      </dl>
      <dl class="pairs">
        <dt>telescope</dt><dd><b>${mount ? (mount.Connected === false ? "not connected" : moves(mount)) : "–"}</b></dd>
        <dt>altitude, azimuth</dt><dd class="number">${number(mount?.Altitude, 1, "°")}, ${number(mount?.Azimuth, 1, "°")}</dd>
        <dt>RA, Dec</dt><dd class="number">${rightAscension(mount?.RA)} ${declination(mount?.Dec)}</dd>
        <dt>hour angle, pier</dt><dd class="number">${number(mount?.["Hour Angle (hour)"], 2, "h")}, ${plain(mount?.["Pier Side"] ?? "–")}</dd>
        <dt>read</dt><dd class="number">${isNumber(mount?.["Age (s)"]) ? `${span(mount["Age (s)"])} ago` : "–"}</dd>
      </dl>
    </div>
  </section>`;
}
