// The fields of an Observation order as a table; building the order, checking it, and finding whose field a refusal is.
// Limits are those of xmlrpc/work_orders/observation.schema.json; the desk is the judge.

const number = (path, title, unit, min, max, more) => ({ path, title, unit, min, max, kind: "number", ...more });
const whole = (path, title, unit, min, max, more) => ({ path, title, unit, min, max, kind: "whole", ...more });
const choice = (path, title, options, more) => ({ path, title, options, kind: "choice", ...more });
const words = (path, title, more) => ({ path, title, kind: "text", ...more });
const instant = (path, title, more) => ({ path, title, unit: "UTC", kind: "instant", ...more });

export const BODIES = ["Mercury", "Venus", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune", "Moon"];
const FRAMES = ["Light", "Bias", "Dark", "Flat"];
const LIGHT = ["Light"];
const ORBIT = { part: "target", frames: LIGHT, target: ["orbit"] };

/** `frames`: frame types that have the field; `target`: ways of naming a target that have it. */
export const FIELDS = [
  words("Object", "object", {
    part: "target",
    frames: LIGHT,
    target: ["name", "place", "orbit"],
    tip: "NGC, IC, Messier or a common name; beside RA and Dec a label",
    two: true,
  }),
  words("RA", "right ascension", {
    part: "target",
    frames: LIGHT,
    target: ["place"],
    unit: "ICRS",
    tip: "degrees, or hh:mm:ss",
  }),
  words("Dec", "declination", {
    part: "target",
    frames: LIGHT,
    target: ["place"],
    unit: "ICRS",
    tip: "degrees, or ±dd:mm:ss",
  }),
  choice("Solar System Body", "body", BODIES, { part: "target", frames: LIGHT, target: ["body"] }),
  number("Orbit.Epoch", "epoch", "JD, TT", 2378496.5, 2524593.5, ORBIT),
  number("Orbit.Eccentricity", "eccentricity", "", 0, 10, { ...ORBIT, needed: true }),
  number("Orbit.Inclination", "inclination", "°", 0, 180, { ...ORBIT, needed: true }),
  number("Orbit.Ascending Node", "ascending node", "°", -360, 360, { ...ORBIT, needed: true }),
  number("Orbit.Argument of Perihelion", "argument of perihelion", "°", -360, 360, { ...ORBIT, needed: true }),
  number("Orbit.Perihelion Distance", "perihelion distance", "au", 0, 1000, {
    ...ORBIT,
    tip: "or the semi-major axis",
  }),
  number("Orbit.Semi-major Axis", "semi-major axis", "au", 0, 100000, ORBIT),
  number("Orbit.Perihelion Time", "perihelion at", "JD, TT", 2378496.5, 2524593.5, {
    ...ORBIT,
    tip: "or the mean anomaly at the epoch",
  }),
  number("Orbit.Mean Anomaly", "mean anomaly", "°", -360, 360, ORBIT),
  number("Altitude", "altitude", "°", 0, 90, { part: "target", frames: LIGHT, target: ["altaz"] }),
  number("Azimuth", "azimuth", "°", 0, 359.9999, {
    part: "target",
    frames: LIGHT,
    target: ["altaz"],
    tip: "north 0, east 90",
  }),
  choice("Frame Type", "frame type", FRAMES, { part: "target" }),
  choice("Filter", "filter", null, { part: "exposure", frames: ["Light", "Flat"], needed: true }),
  number("Exposure Time", "exposure", "s", 0, 14400, {
    part: "exposure",
    frames: ["Light", "Dark", "Flat"],
    needed: true,
  }),
  whole("Number of Exposures", "number of exposures", "", 1, 10000, { part: "exposure" }),
  whole("Binning", "binning", "pixel", 1, 16, { part: "exposure" }),
  number("Constraints.Max Airmass", "airmass at most", "", 1, 40, { part: "constraints" }),
  number("Constraints.Min Altitude", "altitude at least", "°", -90, 90, { part: "constraints" }),
  number("Constraints.Min Moon Separation", "Moon at least away", "°", 0, 180, { part: "constraints" }),
  number("Constraints.Max Moon Illumination", "Moon lit at most", "0 … 1", 0, 1, { part: "constraints" }),
  number("Constraints.Max Moon Altitude", "Moon altitude at most", "°", -90, 90, { part: "constraints" }),
  number("Constraints.Max Sun Altitude", "Sun altitude at most", "°", -90, 90, { part: "constraints" }),
  number("Constraints.Min Hour Angle", "hour angle at least", "h", -12, 12, { part: "constraints" }),
  number("Constraints.Max Hour Angle", "hour angle at most", "h", -12, 12, { part: "constraints" }),
  instant("Windows[0].Start", "window from", { part: "time" }),
  instant("Windows[0].End", "window to", { part: "time" }),
  instant("Windows[1].Start", "second window from", { part: "time" }),
  instant("Windows[1].End", "second window to", { part: "time" }),
  instant("Start", "begin exactly at", { part: "time", tip: "instead of windows" }),
  number("Start Tolerance", "so much earlier or later", "s", 1, 86400, { part: "time" }),
  number("Cadence.Period", "repeat each", "s", 60, 31622400, { part: "time" }),
  whole("Cadence.Visits", "visits", "", 1, 1000, { part: "time" }),
  number("Cadence.Tolerance", "a visit may be early by", "s", 0, 31622400, { part: "time" }),
  words("ID", "your ID", { part: "program", tip: "the same again gives the same receipt" }),
  number("Priority", "priority wished", "0 … 10", 0, 10, { part: "program" }),
  words("Type of job", "type of job", { part: "program" }),
  words("Type of object", "type of object", { part: "program" }),
  words("Group", "group", { part: "program", tip: "orders of one group are observed together or not at all" }),
  choice("Output", "output", ["Raw", "Calibrated", "Analysis"], { part: "program", optional: true }),
  choice("Calibration Frames", "calibration frames", ["Yes", "No"], { part: "program", optional: true }),
];

export const PARTS = [
  { id: "target", title: "Target" },
  { id: "exposure", title: "Exposure" },
  { id: "constraints", title: "Constraints", folded: true },
  { id: "time", title: "Windows, start, cadence", folded: true },
  { id: "program", title: "Program and output", folded: true },
];

export const WAYS = [
  { id: "name", title: "by name" },
  { id: "place", title: "RA and Dec" },
  { id: "body", title: "planet or Moon" },
  { id: "orbit", title: "minor planet, comet" },
  { id: "altaz", title: "altitude, azimuth" },
];

/** Fields that an order of these values has. */
export function fieldsOf(values, way) {
  const frame = values["Frame Type"] || "Light";
  return FIELDS.filter(
    (field) => (!field.frames || field.frames.includes(frame)) && (!field.target || field.target.includes(way)),
  );
}

/** {path: what is wrong}: what can be seen without the desk. */
export function faultsOf(values, way) {
  const faults = {};
  for (const field of fieldsOf(values, way)) {
    const text = (values[field.path] ?? "").trim();
    const fault = text === "" ? (field.needed ? "missing" : "") : faultOf(field, text);
    if (fault) faults[field.path] = fault;
  }
  if (hasWindow(values, 1) && !hasWindow(values, 0))
    faults["Windows[0].Start"] ??= "missing: a second window without a first";
  if ((values["Frame Type"] || "Light") === "Light" && way === "name" && !values.Object?.trim())
    faults.Object = "missing: a name, or RA and Dec";
  return faults;
}

const hasWindow = (values, index) => ["Start", "End"].some((edge) => values[`Windows[${index}].${edge}`]?.trim());

function faultOf(field, text) {
  if (field.kind === "instant") return instantOf(text) ? "" : "no instant such as 2026-11-24 03:00";
  if (field.kind !== "number" && field.kind !== "whole") return "";
  if (/^[+-]?[1-9]\d{0,2}(,\d{3})+$/.test(text)) return "a comma may mean two things here: write 1000 or 1.000";
  const value = Number(text.replace(",", "."));
  if (!Number.isFinite(value)) return "no number";
  if (field.kind === "whole" && !Number.isInteger(value)) return "no whole number";
  return value < field.min || value > field.max ? `expected ${field.min} … ${field.max}` : "";
}

/** The Work Order of these values; fields that are empty are left out. */
export function orderOf(values, way) {
  const order = { WOType: "Observation" };
  for (const field of fieldsOf(values, way)) {
    const text = (values[field.path] ?? "").trim();
    if (text !== "") put(order, field.path, valueOf(field, text));
  }
  return order;
}

function valueOf(field, text) {
  if (field.kind === "number" || field.kind === "whole") return Number(text.replace(",", "."));
  return field.kind === "instant" ? (instantOf(text) ?? text) : text;
}

/** "2026-11-24 03:00" (UTC) as it goes on the wire, null when it is no instant. */
export function instantOf(text) {
  const [, day, time, zone] =
    /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?$/i.exec(text.trim()) ?? [];
  const wire = `${day}T${time}${zone ?? "Z"}`;
  return day && !Number.isNaN(Date.parse(wire)) ? wire : null;
}

function put(order, path, value) {
  const [key, inner] = path.split(".");
  const [, list, index] = /^(.*)\[(\d)\]$/.exec(key) ?? [];
  if (list) ((order[list] ??= [])[index] ??= {})[inner] = value;
  else if (inner) (order[key] ??= {})[inner] = value;
  else order[key] = value;
}

/** A refusal's text by field: {fields: {path: text}, rest: [text]}. Parts are "KEY: came ..., expected ...; KEY: ...". */
export function refusedFields(text, fields) {
  const found = { fields: {}, rest: [] };
  const paths = new Set(fields.map((field) => field.path));
  let last = null;
  for (const part of text.split("; ")) {
    const [, path, words] = /^([A-Z][\w ]*(?:\[\d+\])?(?:\.[\w -]+)?): (.*)$/s.exec(part) ?? [];
    if (paths.has(path)) found.fields[(last = path)] = found.fields[path] ? `${found.fields[path]}; ${words}` : words;
    else if (!path && last) found.fields[last] += `; ${part}`;
    else {
      last = null;
      found.rest.push(part);
    }
  }
  return found;
}
