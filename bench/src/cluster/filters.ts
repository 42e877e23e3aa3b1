import { connectAsync, type MqttClient } from 'mqtt';

const SITES = 40;
const LINES = 50;
const MEASURES = ['temperature', 'pressure', 'vibration', 'state', 'power', 'speed', 'alarm', 'count'];
/** Every so many ends with a wildcard. */
const WILD_EVERY = 10;
/** What a client may have by default. */
const PER_CLIENT = 1000;
const PER_PACKET = 250;

/** As many different filters as one likes, like those of a company with many machines; none is begun with `bench/`. */
export function filterOf(index: number): string {
  return `${machineOf(index)}/${index % WILD_EVERY === 0 ? '+' : measureOf(index)}`;
}

/** A topic that the filter matches. */
export const topicOf = (index: number): string => `${machineOf(index)}/${measureOf(index)}`;

function machineOf(index: number): string {
  const site = String(index % SITES).padStart(2, '0');
  const line = String(Math.floor(index / SITES) % LINES).padStart(2, '0');
  const machine = String(Math.floor(index / SITES / LINES)).padStart(5, '0');
  return `acme/site-${site}/line-${line}/machine-${machine}`;
}

const measureOf = (index: number): string => MEASURES[index % MEASURES.length]!;

/** Clients that want the filters from `first` on, each filter one of them. */
export async function subscribeAll(host: string, port: number, first: number, count: number): Promise<MqttClient[]> {
  const clients: MqttClient[] = [];
  for (let begin = first; begin < first + count; begin += PER_CLIENT) {
    const client = await connectAsync(`mqtt://${host}:${port}`, { reconnectPeriod: 0, keepalive: 0 });
    // Its node may be about to be killed.
    client.on('error', () => {});
    clients.push(client);
    const end = Math.min(begin + PER_CLIENT, first + count);
    for (let at = begin; at < end; at += PER_PACKET) {
      const filters = Array.from({ length: Math.min(PER_PACKET, end - at) }, (_, index) => filterOf(at + index));
      const granted = await client.subscribeAsync(filters);
      if (granted.length !== filters.length || granted.some(({ qos }) => qos > 2))
        throw new Error('a filter is refused');
    }
  }
  return clients;
}
