import type { Config, OptionKey } from './table.ts';
import type { Fault } from './values.ts';

/** `smaller` must be below `larger`, or at most it. */
interface Order {
  smaller: OptionKey;
  larger: OptionKey;
  equalAllowed: boolean;
}

// A bound that the next one up can never reach would be a bound that does not work.
const ORDERS: readonly Order[] = [
  { smaller: 'outboundLowWaterBytes', larger: 'outboundHighWaterBytes', equalAllowed: false },
  { smaller: 'maxPacketBytes', larger: 'outboundBufferBytes', equalAllowed: true },
  { smaller: 'maxPacketBytes', larger: 'maxQueuedBytes', equalAllowed: true },
  { smaller: 'maxPacketBytes', larger: 'maxIncompleteBytes', equalAllowed: true },
  { smaller: 'maxQueuedBytes', larger: 'maxTotalQueuedBytes', equalAllowed: true },
  { smaller: 'outboundBufferBytes', larger: 'maxStalledBytes', equalAllowed: true },
  { smaller: 'stallAfterMs', larger: 'writeTimeoutMs', equalAllowed: false },
];

/** What no option can see alone. @returns the first fault, or null. */
export function crossCheck(config: Config): Fault | null {
  for (const { smaller, larger, equalAllowed } of ORDERS) {
    const [low, high] = [config[smaller] as number, config[larger] as number];
    if (low < high || (equalAllowed && low === high)) continue;
    return { key: smaller, given: low, allowed: `${equalAllowed ? 'at most' : 'less than'} ${larger} (${high})` };
  }
  if (config.mqttPort !== 0 && config.mqttPort === config.httpPort) {
    return { key: 'httpPort', given: config.httpPort, allowed: `another port than mqttPort (${config.mqttPort})` };
  }
  return null;
}
