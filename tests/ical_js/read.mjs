// Reads a calendar from stdin and says on stdout what ical.js understands of its event: UID, SEQUENCE and both instants.
import { readFileSync } from "node:fs";
import ICAL from "ical.js";

const calendar = new ICAL.Component(ICAL.parse(readFileSync(0, "utf-8")));
const component = calendar.getFirstSubcomponent("vevent");
const event = new ICAL.Event(component);
const instant = (time) => time.toJSDate().toISOString();
console.log(JSON.stringify({
  uid: event.uid,
  sequence: event.sequence,
  starts: instant(event.startDate),
  ends: instant(event.endDate),
  summary: event.summary,
}));
