// Weather: each reading with the station's limits and its age.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { device } from "./device.js";
import { isNumber, number, span } from "./format.js";
import { useStore, useTick } from "./store.js";
import { State } from "./words.js";

/** WEATHER_WIND_SPEED -> wind speed */
const title = (name) =>
  name
    .replace(/^WEATHER_/, "")
    .replaceAll("_", " ")
    .toLowerCase();

/** The station's own limits, by INDI's MIN_OK and MAX_OK of each reading's property: name -> [min, max]. */
function useLimits(store, order, names) {
  const [limits, setLimits] = useState({});
  useEffect(() => {
    if (!names || !store.connected) return undefined;
    let is_shown = true;
    const wanted = names
      .split(" ")
      .slice(0, 32)
      .flatMap((name) => ["MIN_OK", "MAX_OK"].map((element) => `weather.${name}.${element}`));
    order("telescope", { WOType: "Status", Properties: wanted }).then(
      ({ reply }) => is_shown && reply?.Properties && setLimits(read(names, reply.Properties)),
    );
    return () => (is_shown = false);
  }, [names, store.hello]);
  return limits;
}

function read(names, properties) {
  const value = (name, element) => properties[`weather.${name}.${element}`]?.Value;
  return Object.fromEntries(names.split(" ").map((name) => [name, [value(name, "MIN_OK"), value(name, "MAX_OK")]]));
}

const between = ([low, high] = []) =>
  isNumber(low) && isNumber(high)
    ? `${number(low, 0)} … ${number(high, 0)}`
    : isNumber(high)
      ? `at most ${number(high, 0)}`
      : isNumber(low)
        ? `at least ${number(low, 0)}`
        : "–";

export function Weather({ store, order }) {
  useTick(1);
  useStore(store, (s) => s.services.telescope);
  const weather = device(store, "Weather");
  const readings = Object.entries(weather?.Readings ?? {});
  const limits = useLimits(store, order, readings.map(([name]) => name).join(" "));
  const zone = (name) =>
    weather.Dangers?.includes(name) ? "danger" : weather.Warnings?.includes(name) ? "warning" : "ok";
  return html`<section class="panel half" aria-labelledby="weather-head">
    <header><h2 id="weather-head">Weather</h2>${
      weather
        ? html`<span class="row"><span class="dim small">${isNumber(weather["Age (s)"]) ? `read ${span(weather["Age (s)"])} ago` : "never read"}</span>
      <${State} of="indi" word=${weather.Connected === false ? "Alert" : (weather.State ?? "Idle")} text=${weather.Connected === false ? "not connected" : undefined} /></span>`
        : null
    }</header>
    ${
      readings.length
        ? html`<div class="scroll"><table><thead><tr><th>reading</th><th class="number">value</th><th class="number">limits</th><th>zone</th></tr></thead>
        <tbody>${readings.map(
          ([
            name,
            value,
          ]) => html`<tr><td title=${name}>${title(name)}</td><td class="number"><b>${number(value, 1)}</b></td><td class="number dim">${between(limits[name])}</td>
          <td><${State} of="zone" word=${zone(name)} /></td></tr>`,
        )}</tbody></table></div>
        <p class="dim small">Units and limits are the station's.</p>`
        : html`<p class="empty">${weather ? "The station has no readings." : "No weather station is known."}</p>`
    }
  </section>`;
}
