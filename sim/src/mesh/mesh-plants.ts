import { PLANTS, type Plant } from '../plants.ts';
import type { Directory } from '../ports.ts';

/** A bug put into a mesh on purpose. */
export interface MeshPlant {
  readonly plant: Plant;
  readonly wrapDirectory: (directory: Directory) => Directory;
}

const asItIs = (directory: Directory): Directory => directory;

/** Nodes say once that they can be found under a key, and never again. */
function providingOnce(directory: Directory): Directory {
  const said = new Set<string>();
  return {
    provide: async (key, signal) => {
      const text = Buffer.from(key).toString('hex');
      if (said.has(text)) return 1;
      const count = await directory.provide(key, signal);
      said.add(text);
      return count;
    },
    find: (key, found, signal) => directory.find(key, found, signal),
    status: () => directory.status(),
  };
}

/** Only the first who is found under a key is told of. */
function findingOne(directory: Directory): Directory {
  return {
    provide: (key, signal) => directory.provide(key, signal),
    find: (key, found, signal) => {
      let any = false;
      return directory.find(
        key,
        (target) => {
          if (!any) found(target);
          any = true;
        },
        signal,
      );
    },
    status: () => directory.status(),
  };
}

export const MESH_PLANTS = {
  none: () => ({ plant: PLANTS.none(), wrapDirectory: asItIs }),
  'provide-once': () => ({ plant: PLANTS.none(), wrapDirectory: providingOnce }),
  'find-one': () => ({ plant: PLANTS.none(), wrapDirectory: findingOne }),
  'swap-frames': () => ({ plant: PLANTS['swap-frames'](), wrapDirectory: asItIs }),
} satisfies Record<string, () => MeshPlant>;

export type MeshPlantName = keyof typeof MESH_PLANTS;
export const MESH_PLANT_NAMES = Object.keys(MESH_PLANTS) as MeshPlantName[];
