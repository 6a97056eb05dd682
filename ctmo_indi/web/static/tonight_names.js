// Names in the chart of the night: each where it covers neither a bar nor another name; without room it is left out.
import { colour } from "./charts.js";

const BAR_HALF_PX = 3.5;

/** Names over runs of the same object, where there is room for them. */
export function drawNames(u, rows, now_ms) {
  const { ctx } = u;
  const ratio = devicePixelRatio || 1;
  ctx.font = `${11 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  const taken = [];
  let run = null;
  const runs = [];
  for (const row of rows) {
    if (!row.altitude_deg.length) continue;
    if (run && run.label === row.label && row.start_ms - run.to_ms < 1800e3) {
      run.to_ms = Math.max(run.to_ms, row.end_ms);
      run.top = Math.max(run.top, ...row.altitude_deg);
      run.least = Math.min(run.least, ...row.altitude_deg);
    } else runs.push((run = { label: row.label, from_ms: row.start_ms, to_ms: row.end_ms, top: Math.max(...row.altitude_deg), least: Math.min(...row.altitude_deg) }));
  }
  const bars = rows.flatMap((row) => barPoints(u, row));
  const now_x = u.valToPos(now_ms / 1000, "x", true);
  taken.push([now_x - 4 * ratio, u.bbox.top, now_x + 30 * ratio, u.bbox.top + 18 * ratio]); // the word now
  const is_free = ([left, top, right, bottom]) =>
    top >= u.bbox.top + 4 * ratio && bottom <= u.bbox.top + u.bbox.height &&
    !taken.some((one) => left < one[2] && right > one[0] && top < one[3] && bottom > one[1]) &&
    !bars.some(([x, y]) => x > left - 2 * ratio && x < right + 2 * ratio && y > top - BAR_HALF_PX * ratio && y < bottom + BAR_HALF_PX * ratio);
  for (const { label, from_ms, to_ms, top, least } of runs) {
    const middle = u.valToPos((from_ms + to_ms) / 2000, "x", true);
    const half = (u.valToPos(to_ms / 1000, "x", true) - u.valToPos(from_ms / 1000, "x", true)) / 2;
    const [above, below] = [u.valToPos(top, "y", true) - 9 * ratio, u.valToPos(least, "y", true) + 18 * ratio];
    const place = placeOf(ctx, label, (text, width) => {
      const beside = half + width / 2;
      for (const [centre, y] of [[middle, above], [middle, below], [middle - half, above], [middle + half, below], [middle + half, above], [middle - half, below], [middle + beside + 6 * ratio, (above + below) / 2], [middle - beside - 6 * ratio, (above + below) / 2]]) {
        const x = Math.min(Math.max(centre, u.bbox.left + width / 2 + 2 * ratio), u.bbox.left + u.bbox.width - width / 2 - 2 * ratio);
        const box = [x - width / 2 - 3 * ratio, y - 11 * ratio, x + width / 2 + 3 * ratio, y + 3 * ratio];
        if (is_free(box)) return { text, x, y, box };
      }
      return null;
    });
    if (!place) continue; // the table has it
    taken.push(place.box);
    ctx.lineWidth = 3 * ratio;
    ctx.strokeStyle = colour("--panel");
    ctx.lineJoin = "round";
    ctx.strokeText(place.text, place.x, place.y);
    ctx.fillStyle = colour("--text");
    ctx.fillText(place.text, place.x, place.y);
  }
}

/** Where a name has room: whole, else shortened; null where it has none. */
function placeOf(ctx, label, room) {
  for (const length of [16, 8]) {
    const signs = [...label]; // whole signs: half an emoji is none
    const text = signs.length > length ? `${signs.slice(0, length - 1).join("")}…` : label;
    const found = room(text, ctx.measureText(text).width);
    if (found) return found;
    if (label.length <= 8) return null;
  }
  return null;
}

/** Points along a bar, near enough to each other that no name fits between them. */
function barPoints(u, row) {
  const [from, to] = [u.valToPos(row.start_ms / 1000, "x", true), u.valToPos((row.until_ms || row.end_ms) / 1000, "x", true)];
  const path = row.until_ms && row.planned_deg.length ? row.planned_deg : row.altitude_deg;
  const count = Math.max(2, Math.ceil((to - from) / 4));
  return Array.from({ length: count }, (_, i) => {
    const place = (i / (count - 1)) * (path.length - 1);
    const [before, after] = [Math.floor(place), Math.ceil(place)];
    return [from + ((to - from) * i) / (count - 1), u.valToPos(path[before] + (path[after] - path[before]) * (place - before), "y", true)];
  });
}
