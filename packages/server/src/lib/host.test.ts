import { expect, it } from 'vitest';
import { isLoopback } from './host.ts';

it.each(['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', 'LOCALHOST', 'a.localhost', '::ffff:127.0.0.1'])(
  '%s is loopback',
  (host) => expect(isLoopback(host)).toBe(true),
);

it.each(['0.0.0.0', '::', '128.0.0.1', '127.0.0.1.example.org', 'localhost.example.org', 'notlocalhost', '', '127.1x'])(
  '"%s" is not loopback',
  (host) => expect(isLoopback(host)).toBe(false),
);
