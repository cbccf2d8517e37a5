/* What the pages do where scripts may run: the visitor's own time zone, and a clock that counts down.
   Every page works without it. It sends nothing, keeps nothing, and loads nothing. */
(() => {
  "use strict";
  const $ = (selector) => document.querySelector(selector);
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const language = document.documentElement.lang || "en";

  /* Browsers still call these cities by names that their people gave up. */
  const renamed = {
    "Asia/Calcutta": "Asia/Kolkata", "Asia/Katmandu": "Asia/Kathmandu", "Asia/Rangoon": "Asia/Yangon",
    "Asia/Saigon": "Asia/Ho_Chi_Minh", "Europe/Kiev": "Europe/Kyiv", "America/Godthab": "America/Nuuk",
    "America/Buenos_Aires": "America/Argentina/Buenos_Aires", "Africa/Asmera": "Africa/Asmara",
    "Atlantic/Faeroe": "Atlantic/Faroe", "Pacific/Truk": "Pacific/Chuuk", "Pacific/Ponape": "Pacific/Pohnpei",
  };
  const ownZone = () => {
    try {
      const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
      return renamed[zone] || zone;
    } catch {
      return "";
    }
  };

  /* The same words as the server's: `Tuesday, December 8, 2026` and `6:00 pm, Berlin time (UTC+1)`. */
  const city = (zone) => (zone === "UTC" ? "UTC" : zone.split("/").pop().replaceAll("_", " "));
  const parts = (moment, zone, options) => {
    const made = new Intl.DateTimeFormat(language, { timeZone: zone, ...options }).formatToParts(moment);
    return Object.fromEntries(made.map((each) => [each.type, each.value]));
  };
  const dayWords = (moment, zone, withYear) => {
    const given = parts(moment, zone, { weekday: "long", month: "long", day: "numeric", year: "numeric" });
    return `${given.weekday}, ${given.month} ${given.day}` + (withYear ? `, ${given.year}` : "");
  };
  const clockWords = (moment, zone) => {
    const given = parts(moment, zone, { hour: "numeric", minute: "2-digit", hour12: true, hourCycle: "h12" });
    return `${given.hour}:${given.minute} ${(given.dayPeriod || "").toLowerCase().replaceAll(".", "")}`;
  };
  const zoneWords = (moment, zone) => {
    const name = parts(moment, zone, { timeZoneName: "shortOffset" }).timeZoneName || "GMT";
    const offset = name.replace("GMT", "UTC").replace("-", "\u2212");
    return zone === "UTC" ? "UTC" : `${city(zone)} time (${offset})`;
  };

  const showIn = (zone) => {
    for (const time of all("time[data-local]")) {
      const moment = new Date(time.getAttribute("datetime"));
      const [day, clock] = [time.querySelector(".day"), time.querySelector(".clock")];
      if (Number.isNaN(moment.getTime()) || !day || !clock) continue;
      day.textContent = dayWords(moment, zone, time.dataset.local === "year");
      clock.textContent = `${clockWords(moment, zone)}, ${zoneWords(moment, zone)}`;
    }
    for (const until of all("[data-until]")) {
      until.textContent = clockWords(new Date(until.dataset.until), zone);
    }
    for (const field of all("input[type=hidden][name=tz]")) field.value = zone;
  };

  const zones = () => {
    const select = $("select#zone");
    const zone = ownZone();
    if (!select) {
      for (const field of all("input[type=hidden][name=tz]")) if (!field.value) field.value = zone;
      return;
    }
    const known = (name) => Array.from(select.options).some((each) => each.value === name);
    const line = $("#zone-note");
    /* A rule may offer other times to other zones: the server says which. */
    const ask = () => {
      const wanted = new URLSearchParams(location.search);
      wanted.set("tz", select.value);
      location.replace(`?${wanted}`);
    };
    const change = () => {
      showIn(select.value);
      if (!line) return;
      line.textContent = (select.value === zone ? line.dataset.own : line.dataset.chosen).replace("{city}", city(select.value));
      line.hidden = false;
    };
    if (select.dataset.live === undefined) return;
    const offers = select.dataset.offers !== undefined;
    const shown = select.value;
    select.addEventListener("change", offers ? ask : change);
    const button = $(".zone button");
    if (button) button.hidden = true;
    /* Whoever chose a zone by hand has chosen it. */
    if (!new URLSearchParams(location.search).has("tz") && zone && known(zone)) select.value = zone;
    /* Not in the answer to a form, which came by a POST and says what was wrong. */
    if (offers && select.value !== shown && !$(".faults")) ask();
    else change();
  };

  /* The clock runs on what the server said the time is: a wrong clock on the desk shows no wrong minute. */
  const count = () => {
    const line = $("[data-starts]");
    if (!line) return;
    const begun = performance.now();
    const now = () => Date.parse(line.dataset.now) + (performance.now() - begun);
    const starts = Date.parse(line.dataset.starts);
    const opens = () => Date.parse(line.dataset.opens);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const two = (number) => String(number).padStart(2, "0");
    const show = () => {
      if (now() >= opens()) {
        location.reload();
        return;
      }
      const left = Math.max(0, Math.floor((starts - now()) / 1000));
      const [days, hours, minutes] = [Math.floor(left / 86400), Math.floor(left / 3600) % 24, Math.floor(left / 60) % 60];
      const day = days ? `${days} day${days === 1 ? "" : "s"} ` : "";
      line.textContent = calm ? `${day}${hours} h ${minutes} min` : `${day}${two(hours)}:${two(minutes)}:${two(left % 60)}`;
      line.hidden = false;
      setTimeout(show, calm ? 20000 : 1000 - (now() % 1000));
    };
    if (Number.isFinite(starts) && Number.isFinite(opens()) && now() < opens()) show();
  };

  zones();
  count();
})();
