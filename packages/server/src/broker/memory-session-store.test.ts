import { MemorySessionStore } from './memory-session-store.ts';
import { describeSessionStore } from './session-store.conformance.ts';

describeSessionStore('in memory', () => new MemorySessionStore(() => 0));
