import { type EventFacts, JSON_TYPE } from '../event.ts';
import { matchesQuery } from '../query.ts';
import type { EventFilter } from '../reads.ts';
import type { Selector } from '../selector.ts';
import { Pattern } from './pattern.ts';
import { compilePayload } from './payload.ts';

/** Whether an event is one of those that a selector means. */
export type EventTest = (event: EventFacts) => boolean;

/** The plain statement of what a selector means; every index must agree with it. @param selector a checked one */
export function compileSelector(selector: Selector): EventTest {
  switch (selector.kind) {
    case 'all':
      return () => true;
    case 'stream': {
      const { stream } = selector;
      return (event) => event.stream === stream;
    }
    case 'type': {
      const types = new Set(selector.types);
      return (event) => types.has(event.type);
    }
    case 'pattern': {
      const pattern = new Pattern(selector.pattern);
      return (event) => pattern.matches(event.stream);
    }
    case 'tags': {
      const { match, tags } = selector;
      if (match === 'any') return (event) => event.tags.some((tag) => tags.includes(tag));
      return (event) => tags.every((tag) => event.tags.includes(tag));
    }
    case 'query': {
      const { query } = selector;
      return (event) => matchesQuery(query, event.type, event.tags);
    }
    case 'payload': {
      const test = compilePayload(selector.where);
      return (event) => event.contentType === JSON_TYPE && test(event.data);
    }
  }
}

/**
 * The filter for reading history that lets through everything the selector means, and as little else as a filter can.
 * A stream is named as a pattern, because a read of the whole store goes by positions and shows deleted streams too. A `*`
 * in its name makes the filter let through more, not less.
 */
export function historyFilter(selector: Selector): EventFilter {
  switch (selector.kind) {
    case 'stream':
      return { streamPattern: selector.stream };
    case 'type':
      return { types: selector.types };
    case 'pattern':
      return { streamPattern: selector.pattern };
    case 'tags':
      return { tags: { match: selector.match, tags: selector.tags } };
    case 'query':
      return { query: selector.query };
    default:
      return {};
  }
}
