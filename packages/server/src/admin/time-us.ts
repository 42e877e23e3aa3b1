import { PlexusError } from '@plexus/protocol';

const US_PER_MS = 1000;
/** As far as a Date goes. */
const MAX_US = 8.64e18;
const DIGITS = /^\d{1,16}$/;
const WITH_FRACTION = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i;
const DAY = /^\d{4}-\d\d-\d\d$/;

/**
 * A time in a query: microseconds since 1970, a day, or ISO 8601 with a zone and up to nine decimals (what is finer than a
 * microsecond is cut off).
 * @throws {PlexusError} bad_request
 */
export function parseTimeUs(what: string, text: string): number {
  if (DIGITS.test(text)) return Number(text);
  if (DAY.test(text)) return checked(what, text, Date.parse(text) * US_PER_MS);
  const match = WITH_FRACTION.exec(text);
  if (match === null) throw refuse(what, text);
  const [, seconds, fraction = '', zone] = match;
  const wholeUs = Date.parse(`${seconds}${zone}`) * US_PER_MS;
  return checked(what, text, wholeUs + Number(fraction.slice(0, 6).padEnd(6, '0')));
}

function checked(what: string, text: string, us: number): number {
  if (Number.isNaN(us) || Math.abs(us) > MAX_US) throw refuse(what, text);
  return us;
}

const refuse = (what: string, text: string): PlexusError =>
  new PlexusError('bad_request', {
    reason: `${what} is microseconds since 1970 or a time such as 2026-11-21T09:00:00.5Z, not ${text}`,
  });
