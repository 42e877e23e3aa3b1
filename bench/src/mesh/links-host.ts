/** A process with many ends of links: each takes numbered messages, and says what came. */
import { startLinks } from '@plexus/server/links';
import { answerCalls } from './calls.ts';

/** More than ever come to one end. */
const MAX_LINKS = 10;

/** What came to one end. */
class Received {
  count = 0;
  /** What was wrong first; null: nothing */
  fault: string | null = null;

  take(message: Uint8Array): void {
    const number = Buffer.from(message.buffer, message.byteOffset, message.byteLength).readUInt32BE(0);
    if (number !== this.count) this.fault ??= `message ${number} instead of ${this.count}`;
    this.count++;
  }
}

const ends: Received[] = [];

answerCalls({
  start: async ({ quic }: { quic: boolean }) => {
    const end = new Received();
    ends.push(end);
    const links = await startLinks({ maxLinks: MAX_LINKS, quic, onMessage: (_, message) => end.take(message) });
    return links.target;
  },
  received: () => ends,
});
