import { expect, it } from 'vitest';
import { commandsOf, isStart, Terminals, type Typed } from './typed-commands.ts';

const TIMEOUT_MS = 120_000;
const NODES = 3;
const DATA = 'plexus-data/demo';

/** Whether the third node knows that somebody elsewhere wants the topic. */
async function isWanted(terminals: Terminals, topic: string): Promise<boolean> {
  const url = `${terminals.httpUrl(2)}/api/v1/cluster/interest?topic=${encodeURIComponent(topic)}`;
  return ((await (await fetch(url)).json()) as { nodes: string[] }).nodes.length > 0;
}

it('README.md and docs/cluster.md start the same three nodes', () => {
  const readme = commandsOf('README.md', 'Three nodes').filter(isStart);
  expect(readme).toHaveLength(NODES);
  expect(commandsOf('docs/cluster.md', 'Three nodes on one machine').filter(isStart)).toEqual(readme);
});

it('the three nodes of README.md do what it says', { timeout: TIMEOUT_MS }, async () => {
  await using terminals = await Terminals.open(NODES, DATA, TIMEOUT_MS / 2);
  let subscriber: Typed | null = null;
  for (const command of commandsOf('README.md', 'Three nodes')) {
    const typed = terminals.type(command);
    if (isStart(command)) {
      await terminals.started(typed);
    } else if (command.startsWith('./plexus sub')) {
      subscriber = typed;
      await terminals.until('the subscription', () => isWanted(terminals, 'demo/hello'));
    } else {
      expect(await typed.done, typed.said()).toBe(0);
      // A person takes longer to come to the next line than the nodes do to link.
      if (command === './plexus cluster status') {
        await terminals.until('three nodes that are up', async () => {
          const status = terminals.type(command);
          await status.done;
          // Three nodes, and the links with two.
          return status.said().match(/ up /g)?.length === NODES + 2;
        });
      }
    }
  }
  await terminals.until('the message', () => subscriber!.said().includes('demo/hello hello, cluster\n'));
});
