import { type Static, Type } from 'typebox';
import { LIMITS } from '../store/event.ts';
import { QUERY_LIMITS } from '../store/query.ts';
import { DEFAULT_LIMIT, ErrorAnswer, MAX_LIMIT, Nullable } from './schemas.ts';

const closed = { additionalProperties: false } as const;
const Position = Type.Integer({ minimum: -1, description: '-1: none' });
const Time = Type.String({ description: 'ISO 8601 in UTC, with microseconds' });

/** What every route on stores may answer with, beside its own. */
export const storeErrors = {
  400: ErrorAnswer,
  403: ErrorAnswer,
  404: ErrorAnswer,
  500: ErrorAnswer,
  503: ErrorAnswer,
  504: ErrorAnswer,
} as const;
/** Of routes that write. */
export const writeErrors = {
  ...storeErrors,
  409: ErrorAnswer,
  410: ErrorAnswer,
  413: ErrorAnswer,
  415: ErrorAnswer,
  429: ErrorAnswer,
  507: ErrorAnswer,
} as const;

export const StoreParams = Type.Object({ store: Type.String() });
export const StreamParams = Type.Object({ store: Type.String(), stream: Type.String() });
export const NameParams = Type.Object({ store: Type.String(), name: Type.String() });

export const Limit = Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT }));
/** The query of every listing by name. */
export const NameListingQuery = Type.Object(
  {
    prefix: Type.Optional(Type.String({ description: 'Only names that begin so' })),
    after: Type.Optional(Type.String({ description: 'Only names after this one: `next` of the page before' })),
    limit: Limit,
  },
  closed,
);
export const NextName = Nullable(Type.String({ description: 'To be passed as `after`' }));

const Worker = Type.Object({
  id: Type.String(),
  role: Type.Union([Type.Literal('writer'), Type.Literal('reader')]),
  restarts: Type.Integer(),
});
/** How a store is that this node can reach. */
const storeStatus = {
  name: Type.String(),
  realm: Type.String(),
  mode: Type.Literal('single'),
  healthy: Type.Boolean(),
  problem: Nullable(Type.String({ description: 'Why it is not healthy' })),
  lastPosition: Position,
  workers: Type.Array(Worker),
  writerQueueBytes: Type.Integer(),
};
const InCluster = { description: 'Only in a cluster' };
export const StoreListingAnswer = Type.Object({
  ...storeStatus,
  node: Nullable(Type.String({ description: 'Id of the node that has it; null: none has it now' })),
  lastPosition: Nullable(Position),
  writerQueueBytes: Nullable(Type.Integer()),
  workers: Type.Array(
    Type.Object({
      ...Worker.properties,
      load: Type.Optional(Type.Integer({ description: 'Requests that it has not answered. Only in a cluster' })),
    }),
  ),
  uuid: Type.String({ description: 'In its file' }),
  conflict: Type.Optional(
    Type.Boolean({ description: 'It is not served, because another store of the same name is. Only in a cluster' }),
  ),
  events: Type.Optional(Nullable(Type.Integer(InCluster))),
  streams: Type.Optional(Nullable(Type.Integer(InCluster))),
  bytes: Type.Optional(Nullable(Type.Integer(InCluster))),
});
export type StoreListingAnswer = Static<typeof StoreListingAnswer>;
export const StoreAnswer = Type.Object({
  ...storeStatus,
  id: Type.String({ description: 'UUID, in the file' }),
  events: Type.Integer(),
  streams: Type.Integer({ description: 'Streams that exist' }),
  bytes: Type.Integer({ description: 'Of the files of the store' }),
});
export const NameCounts = Type.Array(Type.Object({ name: Type.String(), count: Type.Integer() }));

export const StreamAnswer = Type.Object({
  stream: Type.String(),
  version: Type.Integer({ description: 'Last version ever assigned' }),
  exists: Type.Boolean({ description: 'false after a delete' }),
  tombstoned: Type.Boolean(),
  count: Type.Integer({ description: 'Events that a read of the stream gives' }),
  created: Time,
  lastWritten: Time,
});

/** An event as every answer shows it. */
export const EventAnswer = Type.Object(
  {
    id: Type.String(),
    stream: Type.String(),
    version: Type.Integer(),
    position: Type.Integer(),
    type: Type.String(),
    contentType: Type.String(),
    data: Type.Optional(Type.Unknown({ description: 'Of events with contentType application/json' })),
    dataBase64: Type.Optional(Type.String({ description: 'Of all other events' })),
    metadata: Type.Unknown({ description: 'null: none' }),
    tags: Type.Array(Type.String()),
    time: Time,
    timeUs: Type.Integer({ description: 'Microseconds since 1970' }),
    correlationId: Nullable(Type.String()),
    causationId: Nullable(Type.String()),
  },
  { description: 'A stored event' },
);
export const EventsAnswer = Type.Object({
  events: Type.Array(EventAnswer),
  next: Nullable(
    Type.Integer({ description: '`from` of the next page. There may be one though this page is short, or empty' }),
  ),
  lastPosition: Type.Integer({
    description: 'Last position of the store as of the read, -1: none. What a condition takes as `after`',
  }),
});

const Texts = (maxItems: number) => Type.Array(Type.String(), { maxItems });
export const QuerySchema = Type.Array(
  Type.Object(
    {
      types: Type.Optional(Texts(QUERY_LIMITS.maxTypesPerItem)),
      tags: Type.Optional(Texts(QUERY_LIMITS.maxTagsPerItem)),
    },
    closed,
  ),
  {
    maxItems: QUERY_LIMITS.maxItems,
    description: 'Matches what one of its items does: any of its types and all of its tags',
  },
);

const newEvent = {
  id: Type.Optional(Type.String({ description: 'UUID. The same ids make a retry safe' })),
  type: Type.String(),
  data: Type.Optional(Type.Unknown({ description: 'Any JSON value' })),
  dataBase64: Type.Optional(Type.String({ description: 'Bytes, instead of data; contentType is then not JSON' })),
  contentType: Type.Optional(Type.String()),
  metadata: Type.Optional(Type.Unknown()),
  tags: Type.Optional(Type.Array(Type.String())),
  correlationId: Type.Optional(Nullable(Type.String())),
  causationId: Type.Optional(Nullable(Type.String())),
};
const Events = Type.Array(Type.Object(newEvent, closed), { minItems: 1, maxItems: LIMITS.maxAppendEvents });
const ExpectedVersion = Type.Union(
  [Type.Integer({ minimum: -1 }), Type.Literal('none'), Type.Literal('exists'), Type.Literal('any')],
  { description: 'The last version of the stream, or what it must be like. Default any' },
);
export const AppendBody = Type.Object({ expectedVersion: Type.Optional(ExpectedVersion), events: Events }, closed);
export const AppendAnswer = Type.Object({
  version: Type.Integer({ description: 'Of the last event in its stream' }),
  position: Type.Integer({ description: 'Of the last event in the store' }),
  time: Time,
  duplicate: Type.Boolean({ description: 'Whether this is the answer to an earlier append of the same ids' }),
});

const Condition = Type.Object(
  {
    failIfEventsMatch: QuerySchema,
    after: Type.Integer({ minimum: -1, description: '`lastPosition` of the read that the decision rests on' }),
  },
  closed,
);
export const MultiAppendBody = Type.Union([
  Type.Object(
    {
      writes: Type.Array(
        Type.Object({ stream: Type.String(), expectedVersion: Type.Optional(ExpectedVersion), events: Events }, closed),
        { minItems: 1, maxItems: LIMITS.maxAppendEvents },
      ),
      condition: Type.Optional(Condition),
    },
    closed,
  ),
  Type.Object(
    {
      events: Type.Array(Type.Object({ stream: Type.String(), ...newEvent }, closed), {
        minItems: 1,
        maxItems: LIMITS.maxAppendEvents,
      }),
      condition: Type.Optional(Condition),
    },
    closed,
  ),
]);
export const MultiAppendAnswer = Type.Object({
  position: Type.Integer({ description: 'Of the last event' }),
  versions: Type.Array(Type.Object({ stream: Type.String(), version: Type.Integer() })),
  time: Time,
  duplicate: Type.Boolean(),
});

/** A list in a query: separated by commas, given again, or a JSON list. */
const List = (description: string) =>
  Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { description }));
const LISTS = 'separated by commas, or the parameter again, or a JSON list (for names with a comma)';
const filter = {
  types: List(`Any of these types; ${LISTS}`),
  typePrefix: Type.Optional(Type.String()),
  tags: List(`These tags; ${LISTS}`),
  match: Type.Optional(
    Type.Union([Type.Literal('any'), Type.Literal('all')], { description: 'Of the tags; default all' }),
  ),
  query: Type.Optional(Type.String({ description: 'JSON: a list of {types, tags}' })),
  correlationId: Type.Optional(Type.String()),
  causationId: Type.Optional(Type.String()),
  since: Type.Optional(Type.String({ description: 'At or after this time: ISO 8601, or microseconds since 1970' })),
  until: Type.Optional(Type.String({ description: 'At or before this time' })),
};
const range = {
  from: Type.Optional(
    Type.String({ pattern: '^(\\d{1,15}|now)$', description: 'Inclusive. `now`: with text/event-stream alone' }),
  ),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: `Of JSON at most ${MAX_LIMIT}, default ${DEFAULT_LIMIT}; else default none`,
    }),
  ),
  direction: Type.Optional(Type.Union([Type.Literal('forwards'), Type.Literal('backwards')])),
};
export const StreamReadQuery = Type.Object({ ...range, ...filter }, closed);
export const StoreReadQuery = Type.Object(
  {
    ...range,
    ...filter,
    streams: Type.Optional(Type.String({ description: 'Stream name in which * stands for any characters' })),
    selector: Type.Optional(
      Type.String({
        description: 'JSON selector, as of a subscription; with text/event-stream alone, instead of a filter',
      }),
    ),
  },
  closed,
);

export const SnapshotInfoAnswer = Type.Object({ stream: Type.String(), version: Type.Integer(), saved: Time });
export const SnapshotAnswer = Type.Object({
  ...SnapshotInfoAnswer.properties,
  data: Type.Unknown(),
  metadata: Type.Unknown(),
});

export const CausationAnswer = Type.Object({
  events: Type.Array(EventAnswer),
  edges: Type.Array(Type.Object({ from: Type.String(), to: Type.String() }), { description: 'Ids, cause to effect' }),
  roots: Type.Array(Type.String(), { description: 'Ids of events without a cause in the store' }),
  truncated: Type.Boolean({ description: 'Whether limit cut something off' }),
  cyclic: Type.Boolean({ description: 'Whether the causes run in a circle somewhere' }),
});

export const VerifyAnswer = Type.Object({
  events: Type.Integer(),
  streams: Type.Integer(),
  faults: Type.Array(
    Type.Object({ where: Type.String(), problem: Type.String(), position: Nullable(Type.Integer()) }),
    { description: 'Empty: everything is as it was written. At most 100' },
  ),
});

export const StartFromSchema = Type.Union([Type.Integer({ minimum: 0 }), Type.Literal('start'), Type.Literal('now')], {
  description: 'A position, inclusive; the beginning; or what comes from now on',
});
const definition = {
  name: Type.String(),
  selector: Type.Object({}, { additionalProperties: true, description: '{kind, …}; docs/event-store.md has them all' }),
  from: StartFromSchema,
  strategy: Type.Union([Type.Literal('by_stream'), Type.Literal('round_robin'), Type.Literal('single')]),
  poolSize: Type.Integer({ minimum: 1 }),
  window: Type.Integer({ minimum: 1 }),
  ackTimeoutMs: Type.Integer({ minimum: 1 }),
  maxRetries: Type.Integer({ minimum: 0 }),
  queueSize: Type.Integer({ minimum: 1 }),
  whenFull: Type.Union([
    Type.Literal('block'),
    Type.Literal('drop_oldest'),
    Type.Literal('drop_newest'),
    Type.Literal('error'),
  ]),
};
const { name, selector, ...tuning } = definition;
export const NewSubscriptionBody = Type.Object(
  { name, selector, ...Type.Partial(Type.Object(tuning)).properties },
  closed,
);
export const SubscriptionAnswer = Type.Object({
  ...definition,
  state: Type.Union([Type.Literal('running'), Type.Literal('paused'), Type.Literal('stopped')]),
  checkpoint: Position,
  consumers: Type.Integer(),
  inFlight: Type.Integer({ description: 'Delivered and not answered' }),
  parked: Type.Integer(),
  lagEvents: Type.Integer({ description: 'Positions between the checkpoint and the end of the store' }),
  lagS: Type.Number({ description: 'Age of the first event after the checkpoint' }),
  created: Time,
  counts: Type.Object(
    {
      delivered: Type.Integer(),
      acknowledged: Type.Integer(),
      retried: Type.Integer(),
      parked: Type.Integer(),
      dropped: Type.Integer({ description: 'Lost to a full queue, by policy' }),
      warnings: Type.Integer({ description: 'How often a queue has passed 80 %' }),
    },
    { description: 'What happened since the node began' },
  ),
});
export const ParkedAnswer = Type.Object({
  event: EventAnswer,
  reason: Type.String(),
  attempts: Type.Integer(),
  parkedAt: Time,
});
export const PositionsBody = Type.Object(
  { positions: Type.Optional(Type.Array(Type.Integer({ minimum: 0 }), { description: 'Absent: all' })) },
  closed,
);

const consumer = Type.String({ minLength: 1, maxLength: 200, description: 'Name of this consumer in its group' });
const positions = Type.Array(Type.Integer({ minimum: 0 }), { maxItems: MAX_LIMIT });
export const PullBody = Type.Object(
  {
    consumer,
    limit: Limit,
    waitMs: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 60_000, default: 1000, description: 'How long to wait for the first event' }),
    ),
  },
  closed,
);
export const PullAnswer = Type.Object({
  events: Type.Array(Type.Object({ ...EventAnswer.properties, attempt: Type.Integer({ description: 'From 1' }) })),
});
export const AckBody = Type.Object({ consumer, positions }, closed);
export const NackBody = Type.Object(
  {
    consumer,
    positions,
    action: Type.Optional(
      Type.Union([Type.Literal('retry'), Type.Literal('park'), Type.Literal('skip'), Type.Literal('stop')], {
        default: 'retry',
      }),
    ),
    reason: Type.Optional(Type.String({ maxLength: 1000 })),
  },
  closed,
);
export const AnsweredAnswer = Type.Object({
  answered: Type.Integer({ description: 'How many positions were passed on' }),
});
