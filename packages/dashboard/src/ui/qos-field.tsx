import type { JSX } from 'preact';
import type { Qos } from '../mqtt/subscription.ts';
import { SelectField } from './fields.tsx';

const OPTIONS = [
  ['0', '0'],
  ['1', '1'],
  ['2', '2'],
] as const;

export function QosField({ value, onValue }: { value: Qos; onValue: (qos: Qos) => void }): JSX.Element {
  return (
    <SelectField
      label="QoS"
      value={String(value) as '0' | '1' | '2'}
      options={OPTIONS}
      onValue={(text) => onValue(Number(text) as Qos)}
    />
  );
}
