import { FakeClock } from '../../lib/fake-clock.ts';
import { FrameWriter, Traffic } from '../frame-writer.ts';
import type { LinkOptions } from '../peer-link.ts';
import type { PairedChannel, PairOptions } from './channel-pair.ts';
import { connect, LinkEnd } from './link-end.ts';

/** Two ends that are linked. */
export const scene = (
  options: { a?: Partial<LinkOptions>; b?: Partial<LinkOptions>; pair?: Partial<PairOptions>; version?: number } = {},
) => {
  const clock = new FakeClock();
  const a = new LinkEnd(clock, 'a', options.a);
  const b = new LinkEnd(clock, 'b', options.b);
  a.newestVersion = options.version ?? 2;
  const channel = connect(a, b, options.pair);
  clock.advance(100);
  return { clock, a, b, channel };
};

/** Sends what no link would, in the place of the end whose channel it is. */
export const forge = (channel: PairedChannel): FrameWriter => new FrameWriter(channel, new Traffic());

/** A data frame as it is on the wire. */
export const dataBody = (number: number, flags: number, text: string): Buffer =>
  Buffer.concat([Buffer.of(flags, number), Buffer.from(text)]);

export const texts = (end: LinkEnd): string[] => end.data.map(({ text }) => text);
export const slots = (end: LinkEnd): number[] => end.met.map(({ slot }) => slot);
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
