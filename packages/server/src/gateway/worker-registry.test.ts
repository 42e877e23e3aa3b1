import { LocalWorkerRegistry } from './local-worker-registry.ts';
import { workerRegistryConformance } from './worker-registry.conformance.ts';

workerRegistryConformance('local', () => new LocalWorkerRegistry());
