// The map of the whole sky: north up, east left, as one sees it looking up; zenith distance is the distance from the middle.
const RADIAN = Math.PI / 180;
const WINDS = ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"];

/** Compass word of an azimuth: 200 -> "SSW". */
export const compass = (az_deg) => WINDS[Math.round((((az_deg % 360) + 360) % 360) / 22.5) % 16];

/** Place on the map in units of its radius, y down. */
export function project(az_deg, alt_deg) {
  const r = (90 - alt_deg) / 90;
  return [-r * Math.sin(az_deg * RADIAN), -r * Math.cos(az_deg * RADIAN)];
}

const vector = ({ az_deg, alt_deg }) => {
  const [az, alt] = [az_deg * RADIAN, alt_deg * RADIAN];
  return [Math.cos(alt) * Math.sin(az), Math.cos(alt) * Math.cos(az), Math.sin(alt)];
};

/** Angle on the map (radians, from x to y) in which one sees `there` from `here`, along the great circle. */
export function bearing(here, there) {
  const [a, b] = [vector(here), vector(there)];
  const dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const step = a.map((one, i) => one + 0.05 * (b[i] - dot * one));
  const length = Math.hypot(...step);
  const alt_deg = Math.asin(step[2] / length) / RADIAN;
  const az_deg = Math.atan2(step[0], step[1]) / RADIAN;
  const [from, to] = [project(here.az_deg, here.alt_deg), project(az_deg, alt_deg)];
  return Math.atan2(to[1] - from[1], to[0] - from[0]);
}

/** Angle between two places, degrees. */
export function apart_deg(a, b) {
  const [u, v] = [vector(a), vector(b)];
  return Math.acos(Math.min(1, Math.max(-1, u[0] * v[0] + u[1] * v[1] + u[2] * v[2]))) / RADIAN;
}
