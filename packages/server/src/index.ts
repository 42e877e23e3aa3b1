export { loadConfig } from './config/load.ts';
export { envOf, flagOf } from './config/option.ts';
export { type Config, OPTIONS, type OptionKey } from './config.ts';
export type { NodeInfo } from './lib/data-dir.ts';
export { createLogger, flushLog, type Logger } from './lib/log.ts';
export { hashPassword, verifyPassword } from './lib/password.ts';
export { type PlexusNode, startNode } from './node.ts';
