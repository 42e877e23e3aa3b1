/** Options of a node. The one table is `config/table.ts`; everything else is derived from it. */
export { type ConfigSources, loadConfig } from './config/load.ts';
export { envOf, flagOf, type Option } from './config/option.ts';
export type { StoreConfig } from './config/stores.ts';
export { type Config, OPTIONS, type OptionKey } from './config/table.ts';
export type { UserConfig } from './config/users.ts';
