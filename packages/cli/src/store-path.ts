import { Option } from 'commander';
import { urlHelp } from './commands/status.ts';

/** The flags that all of `plexus store` shares. */
export interface StoreFlags {
  store: string;
  url?: string;
  json?: true;
}

export const storeOptions = (): Option[] => [
  new Option('--store <name>', 'name of the store').default('default'),
  new Option('--url <url>', urlHelp),
  new Option('--json', 'print JSON'),
];

export const storePath = ({ store }: StoreFlags): string => `/api/v1/stores/${encodeURIComponent(store)}`;

export const streamPath = (flags: StoreFlags, stream: string): string =>
  `${storePath(flags)}/streams/${encodeURIComponent(stream)}`;
