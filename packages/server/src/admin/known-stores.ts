import type { StoreListing } from '../gateway/store-listing.ts';
import type { StoreStatus, Stores } from '../store/store.ts';
import type { ClusterStoresView } from './ports.ts';
import type { StoreListingAnswer } from './store-schemas.ts';

/** The stores of this node, or of all nodes of its cluster. */
export async function knownStores(
  stores: Stores,
  clusterStores: ClusterStoresView | null,
  nodeId: string,
): Promise<StoreListingAnswer[]> {
  if (clusterStores !== null) return (await clusterStores.listing()).map(listingOf);
  return stores.list().map((store) => ({ ...statusOf(store.status()), uuid: store.id, node: nodeId }));
}

type ShownStatus = Omit<StoreStatus, 'file' | 'workers'> & { workers: StoreStatus['workers'][number][] };

/** What a caller may see of it: not where its files are. */
export function statusOf({ file: _, workers, ...status }: StoreStatus): ShownStatus {
  return { ...status, workers: [...workers] };
}

function listingOf({ id, nodeId, workers, ...listing }: StoreListing): StoreListingAnswer {
  return { ...listing, uuid: id, node: nodeId, workers: [...workers] };
}
