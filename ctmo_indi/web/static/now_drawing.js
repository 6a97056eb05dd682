// Dome and mount, drawn: from above (north up, east right, as on a map) and from the side.
import { html } from "./vendor/preact-htm.js";
import { device, lineOfSight, telescopeHeard } from "./device.js";
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

/** The open slit: as wide in the zenith, and somewhat beyond it, as at the rim. */
function opening(slit_deg) {
  const half = RIM * Math.sin(SLIT_DEG * radians);
  const corner = (along, side) => at(slit_deg, along).map((x, axis) => x + at(slit_deg + 90, side * half)[axis]);
  const rim = RIM * Math.cos(SLIT_DEG * radians);
  return `M${text(corner(-half, -1))}L${text(corner(rim, -1))}A${RIM} ${RIM} 0 0 1 ${text(corner(rim, 1))}L${text(corner(-half, 1))}Z`;
}

/** The tube from above, and where it looks: beside the pier as it stands, or in the middle when that is not known. */
function tubeOf(mount, line) {
  if (!isNumber(mount?.Azimuth)) return null;
  const spot = (name) => [line[`${name} East`] * RIM, -line[`${name} North`] * RIM];
  const [pier, foot] = line ? [spot("Mount"), spot("Tube")] : [[0, 0], [0, 0]];
  const exit = line ? spot("Exit") : at(mount.Azimuth, RIM + 4);
  const length = Math.min(18 + 52 * Math.cos((mount.Altitude ?? 0) * radians), 0.8 * Math.hypot(exit[0] - foot[0], exit[1] - foot[1]));
  const along = (share) => at(mount.Azimuth, share * length).map((x, axis) => x + foot[axis]);
  return { pier, foot, exit, tail: along(-0.35), tip: along(1) };
}

/** From above: the slit as a gap of the rim, the tube as seen from the zenith. */
function Plan({ dome, mount, line }) {
  const slit = dome?.Azimuth;
  const shutter = shutterOf(dome);
  const tube = tubeOf(mount, line);
  return html`<svg viewBox="-112 -112 224 224" class="drawing" aria-hidden="true">
    <circle r=${RIM} class="floor" />
    ${Array.from({ length: 12 }, (_, i) => i * 30).map((az) => html`<path class="tick" d=${`M${text(at(az, RIM - 5))}L${text(at(az, RIM))}`} />`)}
    ${
      isNumber(slit)
        ? html`<path class="rim" d=${arc(slit + SLIT_DEG, slit - SLIT_DEG, RIM)} />
          ${shutter === "open" ? html`<path class="opening" d=${opening(slit)} />` : html`<path class=${`shutter ${shutter}`} d=${arc(slit - SLIT_DEG, slit + SLIT_DEG, RIM)} />`}
          <path class="edge" d=${[-1, 1].map((side) => `M${text(at(slit + side * SLIT_DEG, RIM - 8))}L${text(at(slit + side * SLIT_DEG, RIM + 6))}`).join("")} />`
        : html`<circle r=${RIM} class="rim unknown" />`
    }
    ${tube && mount.Tracking ? html`<path class="sight" d=${`M${text(tube.tip)}L${text(tube.exit)}`} />${line ? html`<circle class="exit" r="4" cx=${tube.exit[0]} cy=${tube.exit[1]} />` : null}` : null}
    ${tube ? html`<path class="beside" d=${`M${text(tube.pier)}L${text(tube.foot)}`} /><path class="tube" d=${`M${text(tube.tail)}L${text(tube.tip)}`} /><circle r="5" class="pier" cx=${tube.pier[0]} cy=${tube.pier[1]} />` : null}
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
    <div class="drawings" role="img" aria-label=${words}><${Plan} dome=${dome} mount=${mount} line=${lineOfSight(store)} /><${Side} dome=${dome} mount=${mount} /></div>
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
