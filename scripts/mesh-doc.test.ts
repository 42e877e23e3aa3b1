import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { repositoryRoot, sourceFiles } from './repository.ts';
import { commandsOf, isStart, sectionOf, Terminals, type Typed } from './typed-commands.ts';

const TIMEOUT_MS = 240_000;
const FILTER = / -t '([^']*)'/;
const WITH_MESSAGE = / -m '?([^']*?)'?(?: |$)/;

/** Whether some node can be found as a subscriber of the levels of a filter before its first wildcard. */
async function isAdvertised(terminals: Terminals, nodes: number, filter: string): Promise<boolean> {
  const path = `/${filter.replace(/\/?[#+].*$/, '')}`;
  for (let node = 0; node < nodes; node++) {
    const answer = await fetch(`${terminals.httpUrl(node)}/api/v1/mesh/advertisements`);
    const { advertisements } = (await answer.json()) as { advertisements: Record<string, unknown>[] };
    const wanted = { kind: 'subscriber', path, state: 'advertised' };
    if (advertisements.some((each) => Object.entries(wanted).every(([key, value]) => each[key] === value))) return true;
  }
  return false;
}

/** Types all of it, in order. @returns the subscribers; `see` looks at each other command, again and again until it says that all is well */
async function typeAll(
  terminals: Terminals,
  commands: readonly string[],
  see: (command: string, said: string) => boolean,
): Promise<Typed[]> {
  const subscribers: Typed[] = [];
  let starting: Typed[] = [];
  let nodes = 0;
  for (const command of commands) {
    if (isStart(command)) {
      starting.push(terminals.type(command));
      continue;
    }
    for (const node of starting) await terminals.started(node);
    nodes += starting.length;
    starting = [];
    if (command.startsWith('./plexus sub')) {
      subscribers.push(terminals.type(command));
      await terminals.until(command, () => isAdvertised(terminals, nodes, FILTER.exec(command)![1]!));
      continue;
    }
    // A person takes longer to come to a line than the nodes do to find each other.
    await terminals.until(command, async () => {
      const typed = terminals.type(command);
      expect(await typed.done, `${command}: ${typed.said()}`).toBe(0);
      return see(command, typed.said());
    });
  }
  return subscribers;
}

it('docs/reliability.md names tests that there are', () => {
  const named = sectionOf('docs/reliability.md', 'The mesh').match(/(?<= \*)[a-z][^*|`]+(?=\*)/g)!;
  expect(named.length).toBeGreaterThan(20);
  const tests = sourceFiles(['packages', 'sim']).filter((path) => path.endsWith('.test.ts'));
  const texts = tests.map((path) => readFileSync(join(repositoryRoot, path), 'utf8'));
  for (const name of named)
    expect(
      texts.some((text) => text.includes(name)),
      name,
    ).toBe(true);
});

it('README.md and docs/mesh.md have the same three terminals', () => {
  const readme = commandsOf('README.md', 'Beyond the cluster: the mesh');
  expect(readme.filter(isStart)).toHaveLength(2);
  expect(commandsOf('docs/mesh.md', 'Three terminals')).toEqual(readme);
});

it('the three terminals of README.md show a message that crosses', { timeout: TIMEOUT_MS }, async () => {
  await using terminals = await Terminals.open(2, 'plexus-data/mesh', TIMEOUT_MS / 2);
  const commands = commandsOf('README.md', 'Beyond the cluster: the mesh');
  const [right] = await typeAll(terminals, commands, (command, said) => {
    return !command.startsWith('./plexus mesh lookup') || /a message would go to 12D3KooW\w{44}\n/.test(said);
  });
  await terminals.until('the message', () => right!.said().includes('demo/hello hello, mesh\n'));
});

it('two clusters and a node behind a router, as docs/mesh.md has them', { timeout: TIMEOUT_MS }, async () => {
  await using terminals = await Terminals.open(6, 'plexus-data/sites', TIMEOUT_MS / 2);
  const commands = commandsOf('docs/mesh.md', 'Two clusters, and a node behind a router');
  expect(commands.filter(isStart)).toHaveLength(6);
  const statuses = new Map<string, string>();
  const subscribers = await typeAll(terminals, commands, (command, said) => {
    if (command.startsWith('./plexus mesh lookup')) return /a message would go to 12D3KooW/.test(said);
    if (!command.startsWith('./plexus mesh status')) return true;
    statuses.set(command, said);
    // Of the van, and of the meeting place.
    return /reachable +no \(configured\); through 12D3KooW/.test(said) || /relays for 1 nodes/.test(said);
  });
  const [van, meeting] = [...statuses.values()] as [string, string];
  expect(/; through (\w+)/.exec(van)![1]).toBe(/^node +(\w+)/.exec(meeting)![1]);
  const published = commands.filter((command) => command.startsWith('./plexus pub'));
  expect(subscribers.length).toBe(published.length);
  for (const [index, command] of published.entries()) {
    const text = WITH_MESSAGE.exec(command)![1]!;
    await terminals.until(`${text}: ${command}`, () => subscribers[index]!.said().endsWith(` ${text}\n`));
  }
});
