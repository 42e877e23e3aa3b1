import { FRAME_HEADER_BYTES, frameEnd, positionOf, recordEnd, timeUsOf, versionOf } from './frame.ts';
import { RecordedEvent } from './recorded-event.ts';

/** @returns the events of a page of frames; views of it */
export function decodePage({ bytes, count }: { readonly bytes: Uint8Array; readonly count: number }): RecordedEvent[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: RecordedEvent[] = new Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    events[i] = new RecordedEvent(
      buffer,
      at + FRAME_HEADER_BYTES,
      recordEnd(buffer, at),
      positionOf(buffer, at),
      versionOf(buffer, at),
      timeUsOf(buffer, at),
    );
    at = frameEnd(buffer, at);
  }
  return events;
}
