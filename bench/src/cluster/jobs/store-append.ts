import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../peers/processes.ts';
import type { Job } from '../../rows/job.ts';
import { appendOver } from '../../store/jobs/http.ts';
import { Members, View } from '../members.ts';

const STORE = 'orders';

/** Appends over HTTP to a store of one of two nodes: at that node, or at the other one. */
function appendAt(where: 'holder' | 'elsewhere'): Job {
  return async ({ directory, measureMs, parameters }) => {
    await using members = await Members.in(directory);
    const config = join(directory, 'plexus.yaml');
    await writeFile(config, `stores:\n  - name: ${STORE}\n`);
    const holder = await members.start('holder', { flags: ['--config', config] });
    const other = await members.start('other');
    using view = new View(holder);
    await view.knows(other, 0);
    const entry = where === 'holder' ? holder : other;
    using entryView = new View(entry);
    await until('the store', () => entryView.get(`/stores/${STORE}`).catch(() => null));
    const { perSecond, appended } = await appendOver(entry.node.httpPort, STORE, parameters.connections!, measureMs);
    const { events } = (await view.get(`/stores/${STORE}`)) as { events: number };
    if (events !== appended)
      throw new Error(`${appended} appends were answered, and ${events} events are in the store`);
    return { perSecond };
  };
}

export const storeHere = appendAt('holder');
export const storeElsewhere = appendAt('elsewhere');
