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
  const plain = greeting(info, { host: '127.0.0.1', dataDir: 'data', httpTls: false, cluster: null });
  expect(plain).toContain(' mqtt://127.0.0.1:1883\n');
  expect(plain).toContain(' ws://127.0.0.1:8080/mqtt\n');
  expect(plain).toContain(' http://127.0.0.1:8080 ');
  expect(plain).not.toContain('mqtts');
  const secure = greeting({ ...info, mqttsPort: 8883 }, { host: '::', dataDir: 'data', httpTls: true, cluster: null });
  expect(secure).toContain(' mqtts://[::1]:8883\n');
  expect(secure).toContain(' wss://[::1]:8080/mqtt\n');
  expect(secure).toContain(' https://[::1]:8080 ');
});

it('says where other nodes find it, and of which cluster it is', () => {
  const config = { host: '127.0.0.1', dataDir: 'data', httpTls: false };
  expect(greeting(info, { ...config, cluster: null })).not.toContain('peers');
  const listening = { ...info, peerPort: 9443 };
  expect(greeting(listening, { ...config, cluster: null })).toContain(' 127.0.0.1:9443\n');
  expect(greeting(listening, { ...config, cluster: 'demo' })).toContain(' 127.0.0.1:9443, cluster demo\n');
});
