import { parseArgs } from 'node:util';
import { FAULT_KINDS } from './fault-kinds.ts';
import { MESH_PLANT_NAMES, type MeshPlantName } from './mesh/mesh-plants.ts';
import { PLANT_NAMES, type PlantName } from './plants.ts';
import { FIVE_NODES, type Scenario } from './scenario.ts';

export const HELP = `npm run sim -- [options]

  --seed N        the first world              (default 1)
  --seeds N       how many worlds, from it on  (default 1)
  --nodes N                                    (default 5)
  --minutes M     virtual time with clients and faults, fractions allowed (default 0.4)
  --faults a,b    only these: ${Object.keys(FAULT_KINDS).join(', ')}; or none
  --plant NAME    a bug put in on purpose: ${PLANT_NAMES.join(', ')}
  --trace N       lines of what happened last, shown on failure (default 60)
  --converge      only starts the nodes, and measures how long they take to know each other

  --mesh          nodes that find each other through the directory, with Zipf topics and churn; --nodes 100,300,1000 makes a table,
                  --minutes (default 5) is how long is measured, --plant is one of ${MESH_PLANT_NAMES.join(', ')}
  --small         with --mesh: a small one, left to settle in the end, in which every message then has to come
  --measure-directory
                  what requests to a real directory on loopback take, beside what the model takes
`;

/** Nodes beyond these have no clients: what is to be seen of many nodes is how they find each other. */
const MOST_WITH_CLIENTS = 10;
const MESH_MINUTES = 5;

export interface MeshOptions {
  readonly sizes: readonly number[];
  readonly minutes: number;
  readonly plant: MeshPlantName;
  readonly small: boolean;
}

export interface Options {
  readonly seed: number;
  readonly seeds: number;
  readonly scenario: Scenario;
  readonly faultKinds: readonly string[] | null;
  readonly plant: PlantName;
  readonly traceLines: number;
  readonly converge: boolean;
  /** null: a cluster is played. */
  readonly mesh: MeshOptions | null;
  readonly measureDirectory: boolean;
  readonly help: boolean;
}

/** @throws for an unknown option, name or number */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      nodes: { type: 'string', default: String(FIVE_NODES.nodes) },
      minutes: { type: 'string' },
      faults: { type: 'string' },
      plant: { type: 'string', default: 'none' },
      trace: { type: 'string', default: '60' },
      converge: { type: 'boolean', default: false },
      mesh: { type: 'boolean', default: false },
      small: { type: 'boolean', default: false },
      'measure-directory': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const sizes = (values.mesh ? values.nodes.split(',') : [values.nodes]).map((size) => number('nodes', size));
  const nodes = sizes[0]!;
  const minutes = values.minutes === undefined ? null : number('minutes', values.minutes);
  const scenario: Scenario = {
    ...FIVE_NODES,
    nodes,
    nodesWithClients: Math.min(nodes, MOST_WITH_CLIENTS),
    busyMs: minutes === null ? FIVE_NODES.busyMs : minutes * 60_000,
    ...(values.faults === 'none' && { faultEveryMs: null }),
  };
  const all = Object.keys(FAULT_KINDS);
  const named = values.faults === undefined || values.faults === 'none' ? null : values.faults.split(',');
  return {
    seed: number('seed', values.seed),
    seeds: number('seeds', values.seeds),
    scenario,
    faultKinds: named?.map((name) => known('fault', name, all)) ?? null,
    plant: (values.mesh ? 'none' : known('plant', values.plant, PLANT_NAMES)) as PlantName,
    traceLines: number('trace', values.trace),
    converge: values.converge,
    mesh: values.mesh
      ? {
          sizes,
          minutes: minutes ?? MESH_MINUTES,
          plant: known('plant', values.plant, MESH_PLANT_NAMES) as MeshPlantName,
          small: values.small,
        }
      : null,
    measureDirectory: values['measure-directory'],
    help: values.help,
  };
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} ${text}: a number above 0 is allowed`);
  return value;
}

function known(what: string, name: string, names: readonly string[]): string {
  if (!names.includes(name)) throw new Error(`no ${what} ${name}; there are ${names.join(', ')}`);
  return name;
}
