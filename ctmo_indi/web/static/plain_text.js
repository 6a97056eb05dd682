// Text of other people, read so that it cannot reorder the words of the line in which it stands.
const MARKS = /[\u061c\u200e\u200f]/g; // without a mark of their own on the page
const CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g; // embed, override, isolate: shown as what nobody can read
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|[\ud802\ud803\ud83a\ud83b]/;

function harmless(_, value) {
  if (typeof value !== "string") return value;
  const text = value.replace(MARKS, "").replace(CONTROLS, "\ufffd");
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text; // Hebrew and Arabic keep their own direction
}

/** JSON as it came, each text in it harmless. */
export const readJson = (text) => JSON.parse(text, harmless);

/** The text without what `readJson` added: for what is sent back. */
export const unmarked = (text) => text.replace(/[\u2068\u2069]/g, "");
