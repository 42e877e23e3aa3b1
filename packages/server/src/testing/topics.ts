import fc from 'fast-check';

// Few words, so that topics and filters meet often.

const word = fc.constantFrom('', 'a', 'b', 'c', '$x', 'ab');
const top = fc.oneof({ weight: 6, arbitrary: word }, { weight: 1, arbitrary: fc.constant('$SYS') });

/** A topic name that is not empty. */
export const anyTopic = fc
  .tuple(top, fc.array(word, { maxLength: 4 }))
  .map(([first, rest]) => [first, ...rest].join('/'))
  .filter((topic) => topic !== '');

/** A well-formed topic filter. */
export const anyFilter = fc
  .tuple(
    fc.oneof({ weight: 3, arbitrary: top }, { weight: 1, arbitrary: fc.constant('+') }),
    fc.array(fc.oneof({ weight: 2, arbitrary: word }, { weight: 1, arbitrary: fc.constant('+') }), { maxLength: 4 }),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([first, rest, hash, bare]) =>
    bare && rest.length === 0 && hash ? '#' : [first, ...rest, ...(hash ? ['#'] : [])].join('/'),
  )
  .filter((filter) => filter !== '');
