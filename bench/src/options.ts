import { parseArgs } from 'node:util';
import { allPeers, peers } from './peers/index.ts';
import type { Peer } from './peers/peer.ts';
import type { Timing } from './plan.ts';
import { type Scenario, scenarios } from './scenarios.ts';

export const help = `npm run bench -- [options]

  --only a,b        scenarios to run: ${scenarios.map(({ name }) => name).join(', ')}
  --peers x,y       systems to run: ${allPeers.map(({ name }) => name).join(', ')}
                    (ceiling takes part only when named: a relay that looks at nothing)
  --rounds N        rounds over all systems, medians are reported   (default 3)
  --warmup-ms N     before each measurement                         (default 1000)
  --measure-ms N    each measurement                                (default 2500)
  --quick           one round of one second
  --no-check        skip the correctness pass
  --strict          exit 1 when a bar is missed
  --write-docs      put the table into docs/performance.md
  --micro           the micro-benchmarks instead

npm run bench -- --store [--only a,b] [--rounds N] [--measure-ms N] [--quick] [--write-docs]: the event store instead
npm run bench -- --cluster, with the same options as --store: several nodes as one broker instead
npm run bench -- --mesh, with the same options: nodes that find each other through the directory
`;

export interface Options {
  readonly scenarios: readonly Scenario[];
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly timing: Timing;
  readonly check: boolean;
  readonly strict: boolean;
  readonly writeDocs: boolean;
  readonly micro: boolean;
  readonly help: boolean;
}

/** @throws for an unknown option, name or number. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      peers: { type: 'string' },
      rounds: { type: 'string' },
      'warmup-ms': { type: 'string' },
      'measure-ms': { type: 'string' },
      quick: { type: 'boolean', default: false },
      'no-check': { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      'write-docs': { type: 'boolean', default: false },
      micro: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    scenarios: values.only === undefined ? scenarios : pick('scenario', values.only, scenarios),
    peers: values.peers === undefined ? peers : pick('system', values.peers, allPeers),
    rounds: positive('rounds', values.rounds, values.quick ? 1 : 3),
    timing: {
      warmupMs: positive('warmup-ms', values['warmup-ms'], values.quick ? 500 : 1_000),
      measureMs: positive('measure-ms', values['measure-ms'], values.quick ? 1_000 : 2_500),
    },
    check: !values['no-check'],
    strict: values.strict,
    writeDocs: values['write-docs'],
    micro: values.micro,
    help: values.help,
  };
}

function pick<T extends { readonly name: string }>(what: string, list: string, from: readonly T[]): T[] {
  return list.split(',').map((name) => {
    const found = from.find((item) => item.name === name);
    if (found !== undefined) return found;
    throw new Error(`no ${what} ${name}; there are ${from.map((item) => item.name).join(', ')}`);
  });
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} ${text}: a whole number from 1 is allowed`);
  return value;
}
