import { skippingDeltas, swappingFrames } from './frame-plants.ts';
import type { NodePlant } from './ports.ts';
import { type IncarnationSource, nextIncarnation, type VirtualDisk } from './virtual-disk.ts';
import type { ChannelWrapper } from './virtual-network.ts';

/** A bug put in on purpose, to show that the simulation finds it. */
export interface Plant {
  readonly name: string;
  readonly node: NodePlant;
  readonly incarnation: IncarnationSource;
  readonly wrap: ChannelWrapper;
}

const HONEST: Plant = {
  name: 'none',
  node: { forgetPurge: false, answerEarly: false },
  incarnation: nextIncarnation,
  wrap: (channel) => channel,
};

/** The number of the first start, for all starts. */
const sameIncarnation = (disk: VirtualDisk, wallMs: number): number => {
  const first = Number(disk.read('first') ?? wallMs);
  disk.write('first', String(first));
  return first;
};

export const PLANTS = {
  none: () => HONEST,
  /** Every third change of a table does not reach another node. */
  'skip-delta': () => ({ ...HONEST, name: 'skip-delta', wrap: skippingDeltas() }),
  'forget-purge': () => ({ ...HONEST, name: 'forget-purge', node: { ...HONEST.node, forgetPurge: true } }),
  'answer-early': () => ({ ...HONEST, name: 'answer-early', node: { ...HONEST.node, answerEarly: true } }),
  /** Two messages trade places between two nodes, with numbers that hide it. */
  'swap-frames': () => ({ ...HONEST, name: 'swap-frames', wrap: swappingFrames() }),
  'same-incarnation': () => ({ ...HONEST, name: 'same-incarnation', incarnation: sameIncarnation }),
} satisfies Record<string, () => Plant>;

export type PlantName = keyof typeof PLANTS;
export const PLANT_NAMES = Object.keys(PLANTS) as PlantName[];
