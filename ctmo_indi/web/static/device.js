// What a device says now: its telemetry as it comes, or the service's last word, whichever is newer.
import { at_ms } from "./format.js";

/** The keys of Status' Devices, and the subjects of telemetry. */
export const DEVICES = [
  { key: "Mount", subject: "mount" },
  { key: "Dome", subject: "dome" },
  { key: "Camera", subject: "camera" },
  { key: "Filter Wheel", subject: "filter_wheel" },
  { key: "Focuser", subject: "focuser" },
  { key: "Light Panel", subject: "light_panel" },
  { key: "Weather", subject: "weather" },
];

/** Whether the telescope service answers; what it said before it fell silent is no state of now. */
export const telescopeHeard = (store) =>
  store.connected && Boolean(store.services.telescope?.reply) && !store.services.telescope.error;

/** The struct of that device, null when nothing is known of it. */
export function device(store, key) {
  const subject = DEVICES.find((row) => row.key === key).subject;
  const devices = store.services.telescope?.reply?.Devices ?? store.services.safety?.reply?.Devices;
  const told = store.telemetry[subject];
  const is_newer = told && !(at_ms(devices?.UTC) > at_ms(store.telemetry_utc[subject]));
  return (is_newer ? told : devices?.[key]) ?? null;
}

/** How the telescope looks out of the dome, shares of its radius; null where that is not known. */
export const lineOfSight = (store) =>
  store.telemetry.line_of_sight ?? store.services.telescope?.reply?.Devices?.["Line of Sight"] ?? null;
