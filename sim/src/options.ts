import { parseArgs } from 'node:util';
import { FAULT_KINDS } from './fault-kinds.ts';
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
`;

/** Nodes beyond these have no clients: what is to be seen of many nodes is how they find each other. */
const MOST_WITH_CLIENTS = 10;

export interface Options {
  readonly seed: number;
  readonly seeds: number;
  readonly scenario: Scenario;
  readonly faultKinds: readonly string[] | null;
  readonly plant: PlantName;
  readonly traceLines: number;
  readonly converge: boolean;
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
      minutes: { type: 'string', default: String(FIVE_NODES.busyMs / 60_000) },
      faults: { type: 'string' },
      plant: { type: 'string', default: 'none' },
      trace: { type: 'string', default: '60' },
      converge: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const nodes = number('nodes', values.nodes);
  const scenario: Scenario = {
    ...FIVE_NODES,
    nodes,
    nodesWithClients: Math.min(nodes, MOST_WITH_CLIENTS),
    busyMs: number('minutes', values.minutes) * 60_000,
    ...(values.faults === 'none' && { faultEveryMs: null }),
  };
  const all = Object.keys(FAULT_KINDS);
  const named = values.faults === undefined || values.faults === 'none' ? null : values.faults.split(',');
  return {
    seed: number('seed', values.seed),
    seeds: number('seeds', values.seeds),
    scenario,
    faultKinds: named?.map((name) => known('fault', name, all)) ?? null,
    plant: known('plant', values.plant, PLANT_NAMES) as PlantName,
    traceLines: number('trace', values.trace),
    converge: values.converge,
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
