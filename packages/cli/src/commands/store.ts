import { Command } from 'commander';
import type { Io } from '../io.ts';
import { appendCommand } from './store-append.ts';
import { statsCommand, streamsCommand, verifyCommand } from './store-facts.ts';
import { readCommand } from './store-read.ts';
import { subscribeCommand } from './store-subscribe.ts';

/** `plexus store …`: event stores over the HTTP API of a node. */
export function storeCommand(io: Io): Command {
  return new Command('store')
    .description('append to event stores, and read them')
    .addCommand(appendCommand(io))
    .addCommand(readCommand(io))
    .addCommand(subscribeCommand(io))
    .addCommand(streamsCommand(io))
    .addCommand(statsCommand(io))
    .addCommand(verifyCommand(io));
}
