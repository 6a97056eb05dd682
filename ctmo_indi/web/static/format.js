// Numbers and times as people read them. What is not known is a dash.
const DASH = "–";
const two = (n) => String(Math.trunc(n)).padStart(2, "0");

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** A number with so many decimals, and its unit. */
export function number(value, decimals = 1, unit = "") {
  if (!isNumber(value)) return DASH;
  const text = value.toFixed(decimals).replace(/^-(?=[0.]*$)/, "").replace("-", "−"); // −0.0 is 0.0
  return `${text}${unit && unit !== "°" ? "\u202f" : ""}${unit}`;
}

/** Seconds as "12 s", "3 min", "2.5 h", "4 d". */
export function span(seconds) {
  if (!isNumber(seconds)) return DASH;
  const s = Math.abs(seconds);
  const sign = seconds < 0 ? "−" : "";
  if (s < 10) return `${sign}${s.toFixed(1)}\u202fs`;
  if (s < 120) return `${sign}${Math.round(s)}\u202fs`;
  if (s < 7200) return `${sign}${Math.round(s / 60)}\u202fmin`;
  if (s < 172800) return `${sign}${(s / 3600).toFixed(1)}\u202fh`;
  return `${sign}${(s / 86400).toFixed(1)}\u202fd`;
}

const instant = (text) =>
  typeof text === "number" ? text : Date.parse(/[Z+]|-\d\d:\d\d$/.test(text ?? "") ? text : `${text}Z`);

/** hh:mm of an instant in UTC; with the date where it is not `near_ms`'s day. */
export function clock(text, near_ms) {
  const ms = instant(text);
  if (!isNumber(ms)) return DASH;
  const at = new Date(ms);
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  return near_ms !== undefined && Math.abs(ms - near_ms) > 43200e3 ? `${at.toISOString().slice(5, 10)} ${time}` : time;
}

/** hh:mm:ss in UTC. */
export function seconds(text) {
  const ms = instant(text);
  return isNumber(ms) ? new Date(ms).toISOString().slice(11, 19) : DASH;
}

/** YYYY-MM-DD hh:mm in UTC. */
export function dateTime(text) {
  const ms = instant(text);
  return isNumber(ms) ? new Date(ms).toISOString().slice(0, 16).replace("T", " ") : DASH;
}

/** Milliseconds since 1970 of an instant on the wire; NaN where there is none. */
export const at_ms = (text) => (text ? instant(text) : NaN);

/** Modified Julian date (UTC) -> ms since 1970. */
export const mjd_ms = (mjd) => (mjd - 40587) * 86400e3;

/** Right ascension, degrees -> "20h 42m 20s". */
export function rightAscension(ra_deg) {
  if (!isNumber(ra_deg)) return DASH;
  const s = Math.round((((ra_deg % 360) + 360) % 360) * 240) % 86400;
  return `${two(s / 3600)}h\u202f${two((s % 3600) / 60)}m\u202f${two(s % 60)}s`;
}

/** Declination, degrees -> "+45° 23′". */
export function declination(dec_deg) {
  if (!isNumber(dec_deg)) return DASH;
  const m = Math.round(Math.abs(dec_deg) * 60);
  return `${dec_deg < 0 ? "−" : "+"}${two(m / 60)}°\u202f${two(m % 60)}′`;
}

/**
 * Local mean sidereal time, hours: GMST of the linear formula of IAU 1982, good to a second of time this century,
 * which is what a clock shows.
 */
export function siderealTime_h(ms, longitude_deg) {
  const days = ms / 86400e3 + 2440587.5 - 2451545.0;
  const degrees = 280.46061837 + 360.98564736629 * days + longitude_deg;
  return (((degrees % 360) + 360) % 360) / 15;
}

/** Hours -> hh:mm:ss. */
export function hours(h) {
  const s = Math.floor(h * 3600) % 86400;
  return `${two(s / 3600)}:${two((s % 3600) / 60)}:${two(s % 60)}`;
}
