import { expect, it } from 'vitest';
import { meshScenarios } from '../scenarios.ts';
import { jobs } from './jobs/index.ts';
import { rows } from './rows.ts';

it('every scenario across the mesh has a row of its name, and each row a name of its own', () => {
  const names = rows.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name } of meshScenarios) expect(names).toContain(name);
});

it('bars that compare have something beside them, by the name that they give', () => {
  const compared = rows.flatMap(({ bars, other }) =>
    bars.filter(({ text }) => text.includes('×')).map(({ text }) => [text, other?.[0] ?? 'nothing'] as const),
  );
  expect(compared.length).toBe(2);
  for (const [text, name] of compared) expect(text).toContain(name);
});

it('every measurement is a job that there is', () => {
  const asked = rows.flatMap(({ ours, other }) => [ours.job, ...(other === undefined ? [] : [other[1].job])]);
  for (const job of asked) expect(Object.keys(jobs)).toContain(job);
});
