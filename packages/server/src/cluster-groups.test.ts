import { ClusterGroups } from './cluster/groups.ts';
import { LocalTable, TableId } from './cluster/own-table.ts';
import { workerRegistryConformance } from './gateway/worker-registry.conformance.ts';
import { Turn } from './lib/turn.ts';

workerRegistryConformance(
  'groups of a cluster',
  () => new ClusterGroups('node', new LocalTable(TableId.Groups, new Turn(setImmediate))),
);
