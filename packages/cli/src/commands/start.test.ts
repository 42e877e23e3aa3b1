import { expect, it } from 'vitest';
import { greeting } from './start.ts';

const info = {
  nodeId: 'f00d',
  pid: 1,
  version: '0.1.0',
  mqttPort: 1883,
  mqttsPort: null,
  httpPort: 8080,
  peerPort: null,
  peerAddresses: [],
};

it('greets with the address of every listener', () => {
  const plain = greeting(info, { host: '127.0.0.1', dataDir: 'data', httpTls: false });
  expect(plain).toContain(' mqtt://127.0.0.1:1883\n');
  expect(plain).toContain(' ws://127.0.0.1:8080/mqtt\n');
  expect(plain).toContain(' http://127.0.0.1:8080 ');
  expect(plain).not.toContain('mqtts');
  const secure = greeting({ ...info, mqttsPort: 8883 }, { host: '::', dataDir: 'data', httpTls: true });
  expect(secure).toContain(' mqtts://[::1]:8883\n');
  expect(secure).toContain(' wss://[::1]:8080/mqtt\n');
  expect(secure).toContain(' https://[::1]:8080 ');
});
