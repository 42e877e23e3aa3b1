import { topicFilterProblem } from '@plexus/protocol';
import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { ANY_TOPIC, inPlainWords } from '../../mqtt/limits.ts';
import type { Qos, Subscription } from '../../mqtt/subscription.ts';
import type { Subscriptions } from '../../mqtt/subscriptions.ts';
import { Card, Form } from '../../ui/card.tsx';
import { useLive } from '../../ui/changes.ts';
import { TextField } from '../../ui/fields.tsx';
import { QosField } from '../../ui/qos-field.tsx';

export function SubscriptionForm({ subscriptions }: { readonly subscriptions: Subscriptions }): JSX.Element {
  const [filter, setFilter] = useState('demo/#');
  const [qos, setQos] = useState<Qos>(0);
  const [problem, setProblem] = useState<string | null>(null);
  const list = useRef<HTMLUListElement>(null);
  useLive(subscriptions.live);

  const add = (): void => {
    const wrong = topicFilterProblem(filter, ANY_TOPIC);
    setProblem(wrong === null ? null : `The topic filter ${inPlainWords(wrong)}.`);
    if (wrong === null) subscriptions.add(filter, qos);
  };
  const remove = (filter: string): void => {
    subscriptions.remove(filter);
    // The button that had the focus goes; without this the focus would be nowhere.
    list.current?.focus();
  };
  return (
    <Card title="Subscriptions">
      <Form onSubmit={add}>
        <div class="row">
          <TextField label="Topic filter" value={filter} onValue={setFilter} problem={problem} />
          <QosField value={qos} onValue={setQos} />
          <button type="submit">Subscribe</button>
        </div>
      </Form>
      <ul class="subscriptions" aria-label="Topic filters" tabIndex={-1} ref={list}>
        {subscriptions.list().map((subscription) => (
          <Entry key={subscription.filter} subscription={subscription} onRemove={remove} />
        ))}
      </ul>
    </Card>
  );
}

interface EntryProps {
  readonly subscription: Subscription;
  readonly onRemove: (filter: string) => void;
}

function Entry({ subscription, onRemove }: EntryProps): JSX.Element {
  const { filter, state } = subscription;
  return (
    <li>
      <code>{filter}</code>
      <span class={state === 'refused' ? 'problem' : 'note'} role="status">
        {entryText(subscription)}
      </span>
      <button type="button" class="small" aria-label={`Unsubscribe from ${filter}`} onClick={() => onRemove(filter)}>
        Unsubscribe
      </button>
    </li>
  );
}

function entryText({ state, qos, grantedQos, problem }: Subscription): string {
  if (state === 'wanted') return `QoS ${qos}, waiting for the server`;
  if (state === 'refused') return `Refused: ${problem}`;
  return grantedQos === qos ? `QoS ${qos}` : `QoS ${grantedQos} granted, ${qos} asked for`;
}
