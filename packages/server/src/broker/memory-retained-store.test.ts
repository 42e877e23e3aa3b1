import { MemoryRetainedStore } from './memory-retained-store.ts';
import { describeRetainedStore } from './retained-store.conformance.ts';

describeRetainedStore('in memory', (limits) => new MemoryRetainedStore(limits));
