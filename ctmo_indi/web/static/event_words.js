// What happened, in words: a row for each kind of event that people look for; others are told key by key.
import { clock, isNumber, number } from "./format.js";
import { LOOKS, plain } from "./words.js";

const join = (...parts) => parts.filter(Boolean).join(" · ");
const state = (word) => plain(word).toLowerCase();

const WORDS = {
  attempt: (d) =>
    join(
      d.Message || d.Step,
      state(d.Status),
      d["Number of Exposures"] ? `${d["Good Exposures"]} of ${d["Number of Exposures"]} frames` : "",
      d.Failure || d.Reason,
    ),
  order: (d) =>
    join(
      /^W-[0-9A-HJKMNP-TV-Z]{26}$/.test(d.ID) ? "" : d.ID, // given by the desk, not by a person
      state(d.Status),
      d["Number of Exposures"] ? `${d["Good Exposures"]} of ${d["Number of Exposures"]} frames` : "",
      d.Reason,
      d.User ? `of ${d.User}` : "",
    ),
  script: (d) => join(d.Script, state(d.State), d.Filter, d.Reason),
  target: (d) =>
    join(
      d.Object || d["Frame Type"],
      d.Filter,
      `${d["Number of Exposures"]} × ${number(d["Exposure Time"], 1, "s")}`,
      d.Note,
    ),
  control: (d) =>
    join(d.Command, state(d.Status), d.Message === d.Command ? "" : d.Message, d.Failure || d.Reason),
  observation: (d) =>
    join(d.Object || d.Target, d.Filter, `${d.Frames} × ${number(d["Exposure Time"], 1, "s")}`, d.Note),
  frame: (d) =>
    join(
      d.Object || d["Frame Type"],
      d.Filter,
      number(d["Exposure Time"], 1, "s"),
      isNumber(d.FWHM) ? `FWHM ${number(d.FWHM, 2, d["FWHM Unit"])}` : "",
      isNumber(d.Stars) ? `${d.Stars} ${d.Stars === 1 ? "star" : "stars"}` : "",
      isNumber(d.Background) ? `background ${number(d.Background, 1, "adu")}` : "",
      d.Problem,
      d.File,
    ),
  predictedSchedule: (d) =>
    join(`${d["Number of Targets"]} ${d["Number of Targets"] === 1 ? "target" : "targets"} until ${clock(d.Until)}`, (d.Target ?? []).join(", ")),
  ticket: (d) => join(d.Command, state(d.Status), d.Progress, d.Failure),
  verdict: (d) => join(d.Level, ...(d.Reasons ?? [])),
  summaryState: (d) => d["Summary State"],
  detailedState: (d) => state(d["Detailed State"]),
  observatoryStatus: (d) => join(d.Labels, d.Note),
  blockStatus: (d) => join(d.Block, state(d.Status)),
  errorCode: (d) => join(d.Meaning, d.Report),
  duty: (d) => join(d.Duty, d.Reason),
  closing: (d) => d.Reason,
  closing_step: (d) => d.Step,
};

function keyByKey(value) {
  if (Array.isArray(value)) return value.map(keyByKey).filter(Boolean).join(", ");
  if (!value || typeof value !== "object") return String(value ?? "");
  return Object.entries(value)
    .map(([key, inner]) => [key, keyByKey(inner)])
    .filter(([, text]) => text)
    .map(([key, text]) => `${key}: ${text}`)
    .join(" · ");
}

const lines = new WeakMap(); // each event is put in words once

/** One line of text. */
export function lineOf(event) {
  if (!lines.has(event))
    lines.set(event, (WORDS[event.Kind]?.(event.Data ?? {}) || keyByKey(event.Data)).slice(0, 600));
  return lines.get(event);
}

const TONED = [
  ["Level", "verdict"],
  ["Status", "order"],
  ["State", "script"],
  ["Summary State", "summary"],
  ["Observatory", "observatory"],
];
const KINDS = { closing: "warn", alarm: "bad", failure: "bad" };

const RECEIPTS = /\bO-[0-9A-HJKMNP-TV-Z]{26}\b/g;
const OF_AN_ORDER = new Set(["order", "attempt", "script"]); // told with the name of what they are about

/** Objects of attempts, by receipt: as the events "target" told them. */
export function attemptNames(events) {
  const named = events.filter((event) => event.Kind === "target" && event.Data?.Object);
  return new Map(named.map((event) => [event.Subject, event.Data.Object]));
}

/** Orders that an event and its line name by receipt. */
export const receiptsOf = (event) => [...new Set(`${event.Subject} ${lineOf(event)}`.match(RECEIPTS) ?? [])];

/** The line with names of objects in place of receipts, where they are known. */
export function namedLine(event, names, attempts) {
  const line = lineOf(event).replace(RECEIPTS, (receipt) => names.get(receipt) ?? receipt);
  if (!OF_AN_ORDER.has(event.Kind)) return line;
  return join(names.get(event.Subject) ?? attempts.get(event.Subject), line);
}

/** "good", "warn", "bad" or "": by the state it tells of. */
export function toneOf({ Kind, Data }) {
  if (KINDS[Kind]) return KINDS[Kind];
  if (Kind === "errorCode") return Data?.Code ? "bad" : "";
  for (const [key, of] of TONED) {
    const tone = LOOKS[of][Data?.[key]]?.tone;
    if (tone === "warn" || tone === "bad") return tone;
  }
  return "";
}
