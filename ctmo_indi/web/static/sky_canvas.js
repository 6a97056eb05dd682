// Draws the map of the sky on a canvas, in the theme's colours.
import { colour } from "./charts.js";
import { apart_deg, bearing, project } from "./sky_geometry.js";

const MARGIN = 30; // for the cardinal points and the slit
const NAMED_TO_MAGNITUDE = 1.3;
const SMALL_PX = 480; // a phone: fewer names
const NAMED_TO_MAGNITUDE_SMALL = 0.5;
const ONE_PLACE_DEG = 1.5;
const RADIAN = Math.PI / 180;

/** {size, radius, at(az_deg, alt_deg) -> [x, y]} in CSS pixels. */
export function mapOf(size) {
  const radius = size / 2 - MARGIN;
  return { size, radius, at: (az_deg, alt_deg) => project(az_deg, alt_deg).map((one) => size / 2 + radius * one) };
}

/** Visits of one place are one mark: {az_deg, alt_deg, label, state, path, count}. */
export function places(targets) {
  const found = [];
  for (const one of targets) {
    const same = found.find((other) => other.label === one.label && apart_deg(other, one) < ONE_PLACE_DEG);
    if (same) same.count += 1;
    else found.push({ ...one, count: 1 });
  }
  return found;
}

export function drawSky(canvas, size, sky, live, chosen) {
  const ratio = devicePixelRatio || 1;
  const pixels = Math.round(size * ratio);
  if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, size, size);
  const map = mapOf(size);
  const ink = Object.fromEntries(["bg", "panel", "text", "dim", "line", "accent", "good", "warn", "bad"].map((name) => [name, colour(`--${name}`)]));
  const pen = { ctx, map, ink, font: getComputedStyle(document.body).fontFamily, taken: [] };
  drawGround(pen, sky);
  for (const star of sky.stars) drawStar(pen, star);
  const marks = places(sky.targets);
  for (const mark of [...marks].reverse()) drawTarget(pen, mark, mark.receipt === chosen);
  for (const body of sky.bodies) drawBody(pen, body, sky.bodies);
  drawTelescope(pen, sky, live);
  for (const mark of marks) if (mark.alt_deg > 0) name(pen, ...map.at(mark.az_deg, mark.alt_deg), mark.count > 1 ? `${mark.label} ×${mark.count}` : mark.label, ink.text, 12, mark.state === "planned" ? 400 : 650);
  const faintest = size < SMALL_PX ? NAMED_TO_MAGNITUDE_SMALL : NAMED_TO_MAGNITUDE;
  for (const [az, alt, magnitude, label] of sky.stars) if (magnitude < faintest && alt > 1) name(pen, ...map.at(az, alt), label, ink.dim, 10);
}

function circle({ ctx }, x, y, r) {
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 2 * Math.PI);
}

/** Text beside a point where nothing is written yet. */
function name({ ctx, ink, font, taken, map }, x, y, label, fill, px, weight = 400) {
  const text = label.length > 16 ? `${label.slice(0, 15)}…` : label;
  ctx.font = `${weight} ${px}px ${font}`;
  const width = ctx.measureText(text).width;
  for (const [dx, dy] of [[9, 4], [-9 - width, 4], [-width / 2, -9], [-width / 2, 18]]) {
    const box = [x + dx - 1, y + dy - px, x + dx + width + 1, y + dy + 3];
    if (box[0] < 2 || box[2] > map.size - 2 || box[1] < 2 || box[3] > map.size) continue;
    if (taken.some((one) => box[0] < one[2] && box[2] > one[0] && box[1] < one[3] && box[3] > one[1])) continue;
    taken.push(box);
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.lineJoin = "round";
    ctx.lineWidth = 3;
    ctx.strokeStyle = ink.panel;
    ctx.strokeText(text, x + dx, y + dy);
    ctx.fillStyle = fill;
    ctx.fillText(text, x + dx, y + dy);
    return;
  }
}

function drawGround(pen, sky) {
  const { ctx, map, ink, font } = pen;
  const middle = map.size / 2;
  ctx.setLineDash([]);
  ctx.strokeStyle = ink.line;
  ctx.lineWidth = 1;
  for (const alt of [30, 60]) {
    circle(pen, middle, middle, (map.radius * (90 - alt)) / 90);
    ctx.stroke();
  }
  ctx.beginPath();
  for (let az = 0; az < 360; az += 45) {
    ctx.moveTo(...map.at(az, 80));
    ctx.lineTo(...map.at(az, 0));
  }
  ctx.stroke();
  // what the horizon mask hides
  ctx.beginPath();
  ctx.arc(middle, middle, map.radius, 0, 2 * Math.PI);
  sky.horizon.forEach(([az, alt], i) => ctx[i ? "lineTo" : "moveTo"](...map.at(az, alt)));
  ctx.closePath();
  ctx.globalAlpha = 0.25;
  ctx.fillStyle = ink.dim;
  ctx.fill("evenodd");
  ctx.globalAlpha = 1;
  ctx.beginPath();
  sky.horizon.forEach(([az, alt], i) => ctx[i ? "lineTo" : "moveTo"](...map.at(az, alt)));
  ctx.closePath();
  ctx.strokeStyle = ink.dim;
  ctx.stroke();
  const zenith_px = (map.radius * (90 - sky.limits.max_altitude_deg)) / 90;
  if (zenith_px > 0.5) {
    circle(pen, middle, middle, Math.max(3, zenith_px));
    ctx.globalAlpha = 0.25;
    ctx.fill();
    ctx.globalAlpha = 1;
    ctx.stroke();
  }
  circle(pen, middle, middle, map.radius);
  ctx.strokeStyle = ink.text;
  ctx.lineWidth = 1.5;
  ctx.stroke();
  ctx.fillStyle = ink.text;
  ctx.font = `650 14px ${font}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (const [letter, az] of [["N", 0], ["E", 90], ["S", 180], ["W", 270]]) {
    const [x, y] = map.at(az, (-90 * 19) / map.radius);
    ctx.fillText(letter, x, y);
    pen.taken.push([x - 8, y - 9, x + 8, y + 9]);
  }
  ctx.font = `10px ${font}`;
  ctx.fillStyle = ink.dim;
  for (const alt of [30, 60]) ctx.fillText(`${alt}°`, ...map.at(157, alt));
}

function drawStar(pen, [az, alt, magnitude]) {
  circle(pen, ...pen.map.at(az, alt), Math.max(0.7, 2.9 - 0.75 * magnitude));
  pen.ctx.fillStyle = pen.ink.text;
  pen.ctx.fill();
}

function drawTarget(pen, mark, is_chosen) {
  const { ctx, map, ink } = pen;
  const [x, y] = map.at(mark.az_deg, mark.alt_deg);
  if (mark.path?.length) {
    ctx.strokeStyle = ink.accent;
    ctx.lineWidth = 2.5;
    ctx.beginPath();
    mark.path.forEach(([az, alt], i) => ctx[i ? "lineTo" : "moveTo"](...map.at(az, alt)));
    ctx.stroke();
  }
  if (mark.alt_deg < -1) return;
  ctx.lineWidth = is_chosen ? 3 : 1.8;
  ctx.strokeStyle = mark.state === "running" ? ink.accent : ink.good;
  ctx.fillStyle = mark.state === "running" ? ink.accent : ink.panel;
  circle(pen, x, y, mark.state === "planned" ? 4.5 : 5.5);
  ctx.fill();
  ctx.stroke();
  if (mark.state === "next") {
    circle(pen, x, y, 2);
    ctx.fillStyle = ink.good;
    ctx.fill();
  }
}

function drawBody(pen, body, bodies) {
  const { ctx, map, ink } = pen;
  if (body.alt_deg < -1) return;
  const [x, y] = map.at(body.az_deg, body.alt_deg);
  if (body.name === "Moon") {
    const sun = bodies.find((one) => one.name === "Sun");
    drawMoon(pen, x, y, 10, body.fraction, sun ? bearing(body, sun) : 0);
  } else if (body.name === "Sun") {
    circle(pen, x, y, 9);
    ctx.fillStyle = ink.warn;
    ctx.fill();
  } else {
    ctx.fillStyle = ink.warn;
    ctx.beginPath();
    for (const [dx, dy] of [[0, -4.5], [4.5, 0], [0, 4.5], [-4.5, 0]]) ctx.lineTo(x + dx, y + dy);
    ctx.fill();
  }
  const half = body.name === "Moon" || body.name === "Sun" ? 10 : 5;
  pen.taken.push([x - half, y - half, x + half, y + half]);
  name(pen, half > 5 ? x + 4 : x, y, body.name, ink.warn, 11, 600);
}

/** The lit part, its bright limb toward the Sun. */
function drawMoon({ ctx, ink }, x, y, r, fraction, toward) {
  ctx.save();
  ctx.translate(x, y);
  ctx.rotate(toward);
  ctx.beginPath();
  ctx.arc(0, 0, r, 0, 2 * Math.PI);
  ctx.fillStyle = ink.panel;
  ctx.fill();
  ctx.beginPath();
  ctx.arc(0, 0, r, -Math.PI / 2, Math.PI / 2);
  const flat = r * (1 - 2 * fraction); // > 0: a crescent, < 0: gibbous
  ctx.ellipse(0, 0, Math.abs(flat), r, 0, Math.PI / 2, -Math.PI / 2, flat > 0);
  ctx.fillStyle = ink.warn;
  ctx.fill();
  ctx.beginPath();
  ctx.arc(0, 0, r, 0, 2 * Math.PI);
  ctx.strokeStyle = ink.warn;
  ctx.lineWidth = 1.2;
  ctx.stroke();
  ctx.restore();
}

/** Where mount and slit are now. */
function drawTelescope(pen, sky, { mount, dome }) {
  const { ctx, map, ink } = pen;
  const middle = map.size / 2;
  if (Number.isFinite(dome?.Azimuth)) {
    const half = (sky.slit_deg ?? 20) / 2;
    const angle = (az) => (-90 - az) * RADIAN; // east is left
    ctx.beginPath();
    ctx.arc(middle, middle, map.radius + 5, angle(dome.Azimuth + half), angle(dome.Azimuth - half));
    ctx.strokeStyle = dome.Shutter === "OPEN" ? ink.accent : ink.dim;
    ctx.lineWidth = 6;
    ctx.setLineDash(dome.Shutter === "OPEN" ? [] : [4, 3]);
    ctx.stroke();
    ctx.setLineDash([]);
  }
  if (!Number.isFinite(mount?.Azimuth) || !Number.isFinite(mount?.Altitude) || mount.Altitude < -5) return;
  const [x, y] = map.at(mount.Azimuth, mount.Altitude);
  ctx.strokeStyle = ink.accent;
  ctx.lineWidth = 2;
  ctx.setLineDash(mount.Tracking ? [] : [3, 3]);
  circle(pen, x, y, 12);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    ctx.moveTo(x + 9 * dx, y + 9 * dy);
    ctx.lineTo(x + 17 * dx, y + 17 * dy);
  }
  ctx.stroke();
  pen.taken.push([x - 9, y - 9, x + 9, y + 9]);
}
