import { createRequire } from 'node:module';
import { type DestinationStream, type LevelWithSilent, type Logger, pino } from 'pino';
import type PinoPretty from 'pino-pretty';
import type { Clock, Timer } from './clock.ts';

export type { Logger } from 'pino';

export const LOG_LEVELS = [
  'trace',
  'debug',
  'info',
  'warn',
  'error',
  'fatal',
  'silent',
] as const satisfies readonly LevelWithSilent[];
export type LogLevel = (typeof LOG_LEVELS)[number];

const STDERR = 2;
/** Bytes held for a reader of our log that is slow; beyond it, lines are dropped. The node does not wait for its log. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

export interface LogOptions {
  level: LogLevel;
  /** Coloured lines for a person. Default: whether stderr is a terminal. */
  pretty?: boolean;
  /** Where the lines go. Default: stderr. */
  destination?: DestinationStream;
}

/** JSON lines on stderr, or lines for a person where stderr is a terminal. Parts get children: `log.child({ part })`. */
export function createLogger(options: LogOptions): Logger {
  const settings = { level: options.level, base: null };
  if (options.destination !== undefined) return pino(settings, options.destination);
  if (options.pretty ?? process.stderr.isTTY) {
    // Loaded only here: a service does not need it.
    const pretty = createRequire(import.meta.url)('pino-pretty') as typeof PinoPretty;
    return pino(settings, pretty({ destination: STDERR, sync: true, translateTime: 'SYS:HH:MM:ss.l' }));
  }
  return pino(
    { ...settings, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.destination({ dest: STDERR, sync: false, maxLength: MAX_BUFFERED_BYTES }),
  );
}

/** Writes out what is buffered; for the end of the process. */
export function flushLog(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    if (typeof log.flush === 'function') log.flush(() => resolve());
    else resolve();
  });
}

export interface RateLimitedLog {
  /**
   * Logs at most one line per `key` and interval, with `suppressed`: how many were left out since the last one.
   * @param key one of few: an event's name, not something a client chose.
   */
  warn(key: string, details: Readonly<Record<string, unknown>>, message: string): void;
  /** Stops its timer, after writing the counts that are still open. */
  stop(): void;
}

/** For events that a stranger can cause at will. */
export function rateLimited(log: Logger, clock: Clock, intervalMs = 1000): RateLimitedLog {
  const open = new Map<string, { suppressed: number; details: Readonly<Record<string, unknown>>; message: string }>();
  let timer: Timer | null = null;

  const sweep = (): void => {
    timer = null;
    for (const [key, entry] of open) {
      if (entry.suppressed === 0) {
        open.delete(key);
        continue;
      }
      log.warn({ event: key, ...entry.details, suppressed: entry.suppressed - 1 }, entry.message);
      entry.suppressed = 0;
    }
    if (open.size > 0) timer = clock.setTimeout(sweep, intervalMs);
  };

  return {
    warn(key, details, message) {
      const entry = open.get(key);
      if (entry !== undefined) {
        entry.suppressed++;
        entry.details = details;
        entry.message = message;
        return;
      }
      log.warn({ event: key, ...details }, message);
      open.set(key, { suppressed: 0, details, message });
      timer ??= clock.setTimeout(sweep, intervalMs);
    },
    stop() {
      timer?.cancel();
      timer = null;
      sweep();
      // The sweep arms itself again for the keys it has just written.
      (timer as Timer | null)?.cancel();
      timer = null;
      open.clear();
    },
  };
}
