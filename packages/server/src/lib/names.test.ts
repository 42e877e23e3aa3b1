import { describe, expect, it } from 'vitest';
import { decodeLevel, encodeLevel, MAX_NAME_BYTES, nameProblem } from './names.ts';

describe('a name', () => {
  it.each(['a', '...', '.a', 'a.', 'a/b %+#', 'ü', ' ', 'x'.repeat(MAX_NAME_BYTES)])('may be %j', (name) => {
    expect(nameProblem(name)).toBeNull();
    expect(decodeLevel(encodeLevel(name))).toBe(name);
  });

  it.each(['', '.', '..', 'a\n', '\ud800', 'x'.repeat(MAX_NAME_BYTES + 1), '/'.repeat(67), 1, null])(
    'may not be %j',
    (name) => {
      expect(nameProblem(name)).toMatch(/^(must|has|holds) /);
    },
  );

  it.each(['.', '..'])('%j would be lost from the path of a URL, encoded or not', (name) => {
    for (const part of [name, name.replaceAll('.', '%2E')]) {
      expect(new URL(`http://a/stores/${part}/x`).pathname).not.toContain(part);
    }
  });
});
